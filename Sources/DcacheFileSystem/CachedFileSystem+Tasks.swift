// SPDX-License-Identifier: LGPL-2.1-or-later

public import Dcache

// For tasks. What is cached is answered without suspending. What is not is asked of the host by one of a few
// threads of the cache's own (``Options/concurrency``), never by those that tasks run in; tasks that want the
// same name are suspended until it is known.
//
// A task that is cancelled gets `ECANCELED`, at once, unless the answer is cached; if it was the one who
// asked, another asks. A deadline is a point in time at which the call returns with `ETIMEDOUT`, if it has no
// answer then: what the host has been asked may still take long.

extension CachedFileSystem {
  /// What a file is, how large, of when. As `stat(2)`, or `lstat(2)` if links are not to be followed.
  ///
  ///     let size = try await files.status(of: "/etc/passwd").size
  ///
  /// - Throws: as the call that blocks; `ECANCELED`; `ETIMEDOUT`: `deadline` has passed.
  nonisolated(nonsending)
    public func status<Path: DentryName, C: Clock>(
      of path: Path, followingSymlinks: Bool = true, until deadline: C.Instant? = nil,
      clock: C = ContinuousClock()
    ) async throws(FileSystemError) -> FileStatus
  {
    try await answer(
      path, followingSymlinks ? [] : .noFollow, until: deadline, clock, kept: { $0.keptStatus },
      blocking: { path throws(DcacheError) in
        try self.status(of: path, followingSymlinks: followingSymlinks)
      })
  }

  /// Is there anything at this path, links followed?
  ///
  /// - Throws: as the call that blocks; `ECANCELED`; `ETIMEDOUT`: `deadline` has passed.
  nonisolated(nonsending)
    public func exists<Path: DentryName, C: Clock>(
      _ path: Path, until deadline: C.Instant? = nil, clock: C = ContinuousClock()
    ) async throws(FileSystemError) -> Bool
  {
    // Most often it is cached that there is nothing, which is not to cost an error.
    let known = try answer(path) { path throws(DcacheError) -> Bool? in
      do throws(DcacheError) {
        return try findCached(path, [], { _ in true }).0
      } catch {
        guard error.meansAbsent else { throw error }
        return false
      }
    }
    if let known { return known }
    do throws(FileSystemError) {
      return try await answer(
        path, [], until: deadline, clock, kept: { _ in true },
        blocking: { path throws(DcacheError) in try self.exists(path) })
    } catch {
      guard error.code.meansAbsent else { throw error }
      return false
    }
  }

  /// The names in a directory, in the order of their bytes, and what kinds of files they are.
  ///
  /// - Throws: as the call that blocks; `ECANCELED`; `ETIMEDOUT`: `deadline` has passed.
  nonisolated(nonsending)
    public func entries<Path: DentryName, C: Clock>(
      of path: Path, until deadline: C.Instant? = nil, clock: C = ContinuousClock()
    ) async throws(FileSystemError) -> DirectoryEntries
  {
    DirectoryEntries(
      listing: try await answer(
        path, .directory, until: deadline, clock,
        kept: { node in node.withState { $0.listing } },
        blocking: { path throws(DcacheError) in try self.listing(of: path) }))
  }

  /// The path of the same file from the root without links, `.` and `..`. As `realpath(3)`.
  ///
  /// - Throws: as the call that blocks; `ECANCELED`; `ETIMEDOUT`: `deadline` has passed.
  nonisolated(nonsending)
    public func realpath<Path: DentryName, C: Clock>(
      of path: Path, until deadline: C.Instant? = nil, clock: C = ContinuousClock()
    ) async throws(FileSystemError) -> String
  {
    String(
      decoding: try await realpathBytes(of: path, until: deadline, clock: clock), as: UTF8.self)
  }

  /// The bytes of the path of the same file from the root without links, `.` and `..`.
  nonisolated(nonsending)
    public func realpathBytes<Path: DentryName, C: Clock>(
      of path: Path, until deadline: C.Instant? = nil, clock: C = ContinuousClock()
    ) async throws(FileSystemError) -> [UInt8]
  {
    try await answer(
      path, [], until: deadline, clock, kept: { node in [slash] + node.path },
      blocking: { path throws(DcacheError) in try self.realpath(of: path) })
  }

  /// The target of a symbolic link as it is stored. As `readlink(2)`.
  nonisolated(nonsending)
    public func linkTargetBytes<Path: DentryName, C: Clock>(
      of path: Path, until deadline: C.Instant? = nil, clock: C = ContinuousClock()
    ) async throws(FileSystemError) -> [UInt8]
  {
    try await answer(
      path, .noFollow, until: deadline, clock, kept: { $0.target },
      blocking: { path throws(DcacheError) in try self.linkTarget(of: path) })
  }

  /// The path of the same file, each name as it is stored, for a path whose names may differ from the stored
  /// ones in case.
  ///
  /// - Throws: as the call that blocks; `ECANCELED`; `ETIMEDOUT`: `deadline` has passed.
  nonisolated(nonsending)
    public func resolve<Path: DentryName, C: Clock>(
      _ path: Path, ignoringCase: Bool, until deadline: C.Instant? = nil,
      clock: C = ContinuousClock()
    ) async throws(FileSystemError) -> String
  {
    String(
      decoding: try await resolveBytes(
        path, ignoringCase: ignoringCase, until: deadline, clock: clock), as: UTF8.self)
  }

  /// The bytes of the path of the same file, each name as it is stored.
  nonisolated(nonsending)
    public func resolveBytes<Path: DentryName, C: Clock>(
      _ path: Path, ignoringCase: Bool, until deadline: C.Instant? = nil,
      clock: C = ContinuousClock()
    ) async throws(FileSystemError) -> [UInt8]
  {
    do throws(FileSystemError) {
      return try await realpathBytes(of: path, until: deadline, clock: clock)
    } catch {
      guard ignoringCase, error.code == .noSuchFileOrDirectory else { throw error }
    }
    // It is not there in this spelling: many names may have to be asked for.
    let whole: [UInt8] = try answer(path) { path in path.copied() }
    do throws(DcacheError) {
      return try await pool.run(deadline.map { PoolDeadline($0, clock) }) {
        () throws(DcacheError) in
        try self.resolve(whole.span, ignoringCase: true)
      }
    } catch {
      throw FileSystemError(error, path: path.withBytes { $0.copied() })
    }
  }
}
