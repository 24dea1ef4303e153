// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

extension DentryCache {
  /// Run `body` with two directories locked exclusively, or one if they are the same: for renaming from
  /// one to the other. Calls `inode_lock` and `inode_unlock`.
  ///
  ///     try cache.withDirectoryLocks(here, there) { here, there throws(DcacheError) in … }
  ///
  /// Two threads that want the same two never wait for each other: one at a time has two directories of a
  /// cache, and takes the upper one first, as those do who look up names on their way down. Not to be
  /// nested, nor called with a directory locked.
  ///
  /// - Throws: as ``withDirectoryLock(_:_:)``.
  @available(*, noasync)
  public func withDirectoryLocks<Result: ~Copyable>(
    _ first: borrowing Dentry<Payload>, _ second: borrowing Dentry<Payload>,
    _ body: (
      borrowing LockedDirectory<Payload>, borrowing LockedDirectory<Payload>
    ) throws(DcacheError) -> Result
  ) throws(DcacheError) -> Result {
    let firstInode = try Self.directoryInode(first)
    let secondInode = try Self.directoryInode(second)
    renaming.lock()
    defer { renaming.unlock() }
    let isSecondAbove = second.isAncestor(of: first)
    let upper = isSecondAbove ? secondInode : firstInode
    let lower = isSecondAbove ? firstInode : secondInode
    inode_lock(upper)
    defer { inode_unlock(upper) }
    if lower != upper { inode_lock(lower) }
    defer { if lower != upper { inode_unlock(lower) } }
    return try body(LockedDirectory(first.raw), LockedDirectory(second.raw))
  }
}
