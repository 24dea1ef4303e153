// SPDX-License-Identifier: LGPL-2.1-or-later

public import Dcache

/// Why a call of ``CachedFileSystem`` failed: what the host said, and of which path.
public struct FileSystemError: Error, Sendable, Hashable {
  /// A value of `errno`.
  public var code: DcacheError
  /// The bytes of the path as it was given.
  public var pathBytes: [UInt8]

  /// An error of a path.
  public init(_ code: DcacheError, path: [UInt8]) {
    self.code = code
    pathBytes = path
  }

  /// The path as it was given, with U+FFFD for what is not UTF-8.
  public var path: String { String(decoding: pathBytes, as: UTF8.self) }
}

extension FileSystemError: CustomStringConvertible {
  /// The path and the error in words.
  public var description: String { "\(path): \(code)" }
}
