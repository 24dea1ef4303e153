// SPDX-License-Identifier: LGPL-2.1-or-later

/// Where an entry is, as of one moment: see ``Dentry/path(relativeTo:)``.
public struct DentryPath: Sendable, Hashable {
  /// The path, beginning with `/`.
  public let bytes: [UInt8]

  /// Was the entry taken out of the cache: dropped, deleted, or invalidated? The path is where it was.
  public let isDeleted: Bool
}

extension DentryPath: CustomStringConvertible {
  /// The path, with U+FFFD for what is not UTF-8.
  public var description: String { String(decoding: bytes, as: UTF8.self) }
}
