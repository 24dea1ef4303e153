// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// A directory that this thread has locked exclusively: creating and removing names.
///
/// Lent to the closure of ``DentryCache/withDirectoryLock(_:_:)``, which it cannot leave.
public struct LockedDirectory<Payload: AnyObject & Sendable>: ~Copyable {
  private let raw: OpaquePointer

  internal init(_ raw: OpaquePointer) {
    self.raw = raw
  }

  /// A name comes into being, with a new object. Calls `new_inode`, and `d_alloc_parallel` and
  /// `d_add`, or `d_instantiate` if the name was known not to exist.
  ///
  /// When it has returned no lookup answers any more that the name does not exist.
  ///
  /// - Throws: ``DcacheError/fileExists``: the name is cached and positive;
  ///   ``DcacheError/invalidArgument``, ``DcacheError/fileNameTooLong``, ``DcacheError/noMemory``.
  @discardableResult
  public borrowing func create<Name: DentryName & ~Escapable>(
    name: Name, _ payload: Payload, kind: InodeKind, number: UInt64 = 0,
    matching: NameMatching? = nil
  ) throws(DcacheError) -> Dentry<Payload> {
    let inode = try Inode.make(in: d_dcache(raw), payload: payload, kind: kind, number: number)
    return try create(name: name, inode, matching: matching)
  }

  /// A name comes into being for an object that is known, as a hard link. Calls `d_alloc_parallel`
  /// and `d_add`, or `d_instantiate`.
  @discardableResult
  public borrowing func create<Name: DentryName & ~Escapable>(
    name: Name, _ inode: consuming Inode<Payload>, matching: NameMatching? = nil
  ) throws(DcacheError) -> Dentry<Payload> {
    while true {
      // A lookup that does not care for the lock may be under way: it is waited for.
      switch try open(name) {
      case .pending(let lookup):
        matching?.apply(to: lookup.raw)
        return try lookup.add(inode)
      case .found(let entry):
        guard entry.isNegative else { throw .fileExists }
        // Another spelling, or operations that would change under those who hold the entry: not the
        // one to become positive.
        let isUsable = matching == nil && name.withNameBytes { Self.isName($0, of: entry) }
        guard isUsable else {
          entry.drop()
          continue
        }
        try check(d_instantiate(entry.raw, inode.take()))
        return entry
      }
    }
  }

  /// Make it known that a name does not exist. Returns what is cached if the name is. Calls
  /// `d_alloc_parallel` and `d_add`.
  @discardableResult
  public borrowing func addNegative<Name: DentryName & ~Escapable>(
    name: Name
  ) throws(DcacheError) -> Dentry<Payload> {
    switch try open(name) {
    case .pending(let lookup): try lookup.addNegative()
    case .found(let entry): entry
    }
  }

  /// The name was removed. Calls `d_delete`.
  ///
  /// If the caller's is the only reference, the entry becomes negative and lets go of its inode;
  /// otherwise it is only taken out of the cache, and the other holders keep a positive entry.
  ///
  /// - Throws: ``DcacheError/invalidArgument``: the entry is not in this directory.
  public borrowing func delete(_ entry: consuming Dentry<Payload>) throws(DcacheError) {
    // Nobody moves an entry out of a directory that is locked.
    guard d_parent(entry.raw) == raw, !entry.isRoot else { throw .invalidArgument }
    d_delete(entry.raw)
  }

  private borrowing func open<Name: DentryName & ~Escapable>(
    _ name: Name
  ) throws(DcacheError) -> AllocParallel<Payload> {
    let directory = raw
    let entry = try pointer(name.withQstr { name in d_alloc_parallel(directory, name, nil) })
    return d_in_lookup(entry)
      ? .pending(InLookup(consuming: entry)) : .found(Dentry(consuming: entry))
  }

  private static func isName(_ bytes: RawSpan, of entry: borrowing Dentry<Payload>) -> Bool {
    entry.withNameBytes { own in
      own.count == bytes.byteCount
        && bytes.withUnsafeBytes { bytes in own.indices.allSatisfy { own[$0] == bytes[$0] } }
    }
  }
}

@available(*, unavailable)
extension LockedDirectory: Sendable {}

extension DentryCache {
  /// Run `body` with a directory locked exclusively: for creating and removing names in it. Calls
  /// `inode_lock` and `inode_unlock`.
  ///
  ///     try cache.withDirectoryLock(directory) { directory throws(DcacheError) in
  ///       try backend.create("motd")
  ///       try directory.create(name: "motd", file, kind: .regular)
  ///     }
  ///
  /// Sleeps until lookups of the directory's names that are under way have ended. `body` must not
  /// resolve names of the same directory but with ``DirectoryLocking/none``.
  ///
  /// - Throws: ``DcacheError/noSuchFileOrDirectory`` or ``DcacheError/notDirectory``, and what
  ///   `body` throws.
  @available(*, noasync)
  public func withDirectoryLock<Result: ~Copyable>(
    _ directory: borrowing Dentry<Payload>,
    _ body: (borrowing LockedDirectory<Payload>) throws(DcacheError) -> Result
  ) throws(DcacheError) -> Result {
    let inode = try Self.directoryInode(directory)
    inode_lock(inode)
    defer { inode_unlock(inode) }
    return try body(LockedDirectory(directory.raw))
  }

  /// Run `body` with a directory locked shared: nobody creates or removes names in it meanwhile. Calls
  /// `inode_lock_shared` and `inode_unlock_shared`.
  ///
  /// Must not be nested for one directory: a writer that waits in between would never get its turn.
  ///
  /// - Throws: as ``withDirectoryLock(_:_:)``.
  @available(*, noasync)
  public func withSharedDirectoryLock<Result: ~Copyable>(
    _ directory: borrowing Dentry<Payload>,
    _ body: () throws(DcacheError) -> Result
  ) throws(DcacheError) -> Result {
    let inode = try Self.directoryInode(directory)
    inode_lock_shared(inode)
    defer { inode_unlock_shared(inode) }
    return try body()
  }

  internal static func directoryInode(
    _ directory: borrowing Dentry<Payload>
  ) throws(DcacheError) -> OpaquePointer {
    guard let inode = directory.rawInode else { throw .noSuchFileOrDirectory }
    guard inode_get_type(inode) == INODE_DIRECTORY else { throw .notDirectory }
    return inode
  }
}
