// SPDX-License-Identifier: LGPL-2.1-or-later

public import Dcache

extension CachedFileSystem {
  /// What a file is, how large, of when. As `stat(2)`, or `lstat(2)` if links are not to be followed.
  ///
  ///     let size = try files.status(of: "/etc/passwd").size
  ///
  /// A file whose status is asked for a second time is watched from then on, so that the third time the
  /// answer is at hand, by whatever name the file is changed.
  ///
  /// - Throws: what the host says, `ENOENT` for what does not exist.
  @available(*, noasync)
  public func status<Path: DentryName>(
    of path: Path, followingSymlinks: Bool = true
  ) throws(FileSystemError) -> FileStatus {
    try answer(path) { path throws(DcacheError) in
      try status(of: path, followingSymlinks: followingSymlinks)
    }
  }

  internal func status(
    of path: Span<UInt8>, followingSymlinks: Bool
  ) throws(DcacheError) -> FileStatus {
    try find(
      path, followingSymlinks ? [] : .noFollow,
      kept: { $0.keptStatus },
      asked: { node, start throws(DcacheError) in try backend.status(of: node, since: start) },
      direct: { path throws(DcacheError) in
        try backend.place.status(ofCallersPath: path, followingSymlinks: followingSymlinks)
      })
  }

  /// What kind of file it is, links not followed. That does not change as long as it has its name.
  internal func kind(of path: Span<UInt8>) throws(DcacheError) -> FileKind {
    try find(
      path, .noFollow,
      kept: { $0.kind },
      asked: { node, _ in node.kind },
      direct: { path throws(DcacheError) in
        try backend.place.status(ofCallersPath: path, followingSymlinks: false).kind
      })
  }

  /// Is there anything at this path, links followed?
  ///
  /// - Throws: what the host says, except that there is nothing there: for want of a name, or since
  ///   something on the way is no directory, or by links that go round.
  @available(*, noasync)
  public func exists<Path: DentryName>(_ path: Path) throws(FileSystemError) -> Bool {
    try answer(path) { path throws(DcacheError) in try exists(path) }
  }

  internal func exists(_ path: Span<UInt8>) throws(DcacheError) -> Bool {
    do throws(DcacheError) {
      return try find(
        path, [],
        kept: { _ in true },
        asked: { _, _ in true },
        direct: { path throws(DcacheError) in
          _ = try backend.place.status(ofCallersPath: path, followingSymlinks: true)
          return true
        })
    } catch {
      guard error.meansAbsent else { throw error }
      return false
    }
  }
}

extension DcacheError {
  /// Does a path of which the host says this lead nowhere?
  internal var meansAbsent: Bool {
    self == .noSuchFileOrDirectory || self == .notDirectory || self == .tooManySymbolicLinkLevels
  }
}
