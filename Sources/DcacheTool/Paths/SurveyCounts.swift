// SPDX-License-Identifier: LGPL-2.1-or-later

/// What the survey met.
struct SurveyCounts: Sendable, Hashable {
  /// Paths that are directories.
  var directories = 0
  /// Paths that are symbolic links, resolved as entries of their own and not followed.
  var symlinks = 0
  /// Paths that are devices, FIFOs and sockets.
  var special = 0
  /// Directories that another file system is mounted on.
  var mountPoints = 0
  /// Names that are not UTF-8.
  var notUTF8 = 0
  /// Directories that could not be read to their end, and names of which the host told nothing.
  var unreadable = 0
  /// Names that were gone when the host was asked about them.
  var vanished = 0
  /// Paths that are longer than the host takes in one call, and names longer than 255 bytes.
  var tooLong = 0
  /// Names to which another one differs only in the case of ASCII letters.
  var ambiguousCase = 0
  /// Was there more than could be kept?
  var truncated = false
}
