// SPDX-License-Identifier: LGPL-2.1-or-later

public import CDcache

/// Who locks the directory while a backend is asked.
public enum DirectoryLocking: Sendable, Hashable {
  /// The call takes the directory's lock shared, so that nobody creates or removes names in it
  /// meanwhile. The backend must not ask for another name of the same directory through the cache.
  case shared
  /// The caller holds it (``DentryCache/withDirectoryLock(_:_:)``,
  /// ``DentryCache/withSharedDirectoryLock(_:_:)``), or knows that the directory does not change.
  case none
}

extension DentryCache {
  /// Find an entry that is cached, positive or negative. Calls `d_lookup`.
  ///
  ///     if let entry = cache.lookup(parent: directory, name: "motd") { … }
  ///
  /// Exact: an entry that was reachable throughout the call is found. Allocates nothing. nil also if
  /// the name is none, or `parent` no directory. Waits only for short holders of the entry's lock.
  @inlinable
  public func lookup<Name: DentryName & ~Escapable>(
    parent: borrowing Dentry<Payload>, name: Name
  ) -> Dentry<Payload>? {
    let directory = parent.raw
    guard let found = name.withQstr({ name in d_lookup(directory, name) }) else { return nil }
    return Dentry(consuming: found)
  }

  /// Find an entry, or become the one who asks for it. Calls `d_alloc_parallel`.
  ///
  /// If somebody else is asking for the name, the call sleeps until that lookup ends, and answers
  /// what it ended with: the entry, or the error.
  ///
  /// The caller holds the directory's lock, at least shared, until the lookup is ended, or sees to it
  /// otherwise that nobody creates or removes the name meanwhile. ``resolve(parent:name:locking:lookup:)``
  /// does all of this.
  ///
  /// - Throws: ``DcacheError/noSuchFileOrDirectory`` and ``DcacheError/notDirectory`` for `parent`;
  ///   ``DcacheError/invalidArgument`` and ``DcacheError/fileNameTooLong`` for `name`;
  ///   ``DcacheError/resourceDeadlockAvoided``: this thread owns that lookup;
  ///   ``DcacheError/noMemory``; or the error with which the awaited lookup ended.
  @available(*, noasync)
  @inlinable
  public func allocParallel<Name: DentryName & ~Escapable>(
    parent: borrowing Dentry<Payload>, name: Name
  ) throws(DcacheError) -> AllocParallel<Payload> {
    let directory = parent.raw
    // Without a queue head of the caller's the entry brings its own: the owner's token moves.
    let entry = try pointer(name.withQstr { name in d_alloc_parallel(directory, name, nil) })
    return d_in_lookup(entry)
      ? .pending(InLookup(consuming: entry)) : .found(Dentry(consuming: entry))
  }

  /// Find an entry; if it is not cached, wait for whoever is asking for it, or ask `lookup`.
  ///
  ///     let entry = try cache.resolve(parent: directory, name: "motd") { name throws(DcacheError) in
  ///       guard let file = try backend.open(name) else { return .absent }
  ///       return .found(file, kind: .regular, number: file.number)
  ///     }
  ///
  /// Of all who miss the same name at the same time one calls `lookup`; the others sleep, and get
  /// the same entry, or the same error. What it answers is cached; an error is not.
  ///
  /// A hit takes no lock of the directory and allocates nothing. On a miss the directory's lock is
  /// held shared while the call waits or `lookup` runs, unless `locking` says otherwise.
  ///
  /// - Parameters:
  ///   - parent: a directory.
  ///   - name: the name; `.` and `..` are refused.
  ///   - locking: who locks the directory.
  ///   - backend: is asked; may block. Gets the name as it was given.
  /// - Returns: the entry, positive or negative.
  /// - Throws: what ``allocParallel(parent:name:)`` says, what `lookup:` throws, and why its answer
  ///   could not be added.
  @available(*, noasync)
  @inlinable
  public func resolve<Name: DentryName & ~Escapable>(
    parent: borrowing Dentry<Payload>,
    name: Name,
    locking: DirectoryLocking = .shared,
    lookup backend: (Name) throws(DcacheError) -> LookupAnswer<Payload>
  ) throws(DcacheError) -> Dentry<Payload> {
    if let hit = lookup(parent: parent, name: name) { return hit }
    return try resolveSlow(parent: parent, name: name, locking: locking, lookup: backend)
  }

  @available(*, noasync)
  @usableFromInline
  internal func resolveSlow<Name: DentryName & ~Escapable>(
    parent: borrowing Dentry<Payload>,
    name: Name,
    locking: DirectoryLocking,
    lookup backend: (Name) throws(DcacheError) -> LookupAnswer<Payload>
  ) throws(DcacheError) -> Dentry<Payload> {
    guard !name.withQstr({ $0.pointee.isDots }) else { throw .invalidArgument }
    guard let directory = parent.rawInode else { throw .noSuchFileOrDirectory }
    guard d_is_dir(parent.raw) else { throw .notDirectory }
    if locking == .shared { inode_lock_shared(directory) }
    defer { if locking == .shared { inode_unlock_shared(directory) } }

    let token: InLookup<Payload>
    switch try allocParallel(parent: parent, name: name) {
    case .found(let entry): return entry
    case .pending(let lookup): token = lookup
    }
    let answer: LookupAnswer<Payload>
    do throws(DcacheError) {
      answer = try backend(name)
    } catch {
      token.fail(error)
      throw error
    }
    switch consume answer {
    case .absent:
      return try token.addNegative()
    case .found(let payload, let kind, let number, let matching):
      return try token.add(payload, kind: kind, number: number, matching: matching)
    case .known(let inode):
      return try token.splice(inode)
    case .stored(let name, let payload, let kind, let number):
      return try token.addCI(name: name, payload, kind: kind, number: number)
    case .storedKnown(let name, let inode):
      return try token.addCI(name: name, inode)
    }
  }
}
