// SPDX-License-Identifier: LGPL-2.1-or-later

public import Dcache

extension CachedFileSystem {
  /// The path of the same file from the root without links, `.` and `..`. As `realpath(3)`.
  ///
  /// With U+FFFD for what is not UTF-8; ``realpathBytes(of:)`` has the bytes.
  ///
  /// - Throws: what the host says, `ENOENT` for what does not exist.
  @available(*, noasync)
  public func realpath<Path: DentryName>(of path: Path) throws(FileSystemError) -> String {
    String(decoding: try realpathBytes(of: path), as: UTF8.self)
  }

  /// The bytes of the path of the same file from the root without links, `.` and `..`.
  @available(*, noasync)
  public func realpathBytes<Path: DentryName>(of path: Path) throws(FileSystemError) -> [UInt8] {
    try answer(path) { path throws(DcacheError) in try realpath(of: path) }
  }

  /// The target of a symbolic link as it is stored. As `readlink(2)`.
  ///
  /// - Throws: what the host says, `EINVAL` for what is no symbolic link.
  @available(*, noasync)
  public func linkTargetBytes<Path: DentryName>(of path: Path) throws(FileSystemError) -> [UInt8] {
    try answer(path) { path throws(DcacheError) in try linkTarget(of: path) }
  }

  internal func linkTarget(of path: Span<UInt8>) throws(DcacheError) -> [UInt8] {
    try find(
      path, .noFollow,
      kept: { $0.target },
      asked: { node, _ throws(DcacheError) in
        guard let target = node.target else { throw .invalidArgument }
        return target
      },
      direct: { path throws(DcacheError) in
        try backend.place.linkTarget(ofCallersPath: path)
      })
  }

  internal func realpath(of path: Span<UInt8>) throws(DcacheError) -> [UInt8] {
    try find(
      path, [],
      kept: { node in [slash] + node.path },
      asked: { node, _ in [slash] + node.path },
      direct: { path throws(DcacheError) in
        try backend.place.realpath(ofCallersPath: path)
      })
  }
}
