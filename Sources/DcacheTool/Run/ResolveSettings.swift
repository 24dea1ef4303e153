// SPDX-License-Identifier: LGPL-2.1-or-later

/// How the tree is to be resolved.
struct ResolveSettings: Sendable {
  /// Threads that resolve at once.
  var threads: Int
  /// Entries that the cache may keep; 0: any number.
  var maxEntries = 0
  /// Paths to read at most; 0: any number.
  var maxPaths = 0
}
