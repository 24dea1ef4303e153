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
  /// the name is none, or `parent` no directory. Waits only for short holders of the entry's lock. What
  /// is found may be stale, see ``revalidate(_:)``.
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
  /// An entry that is stale (``Dentry/isStale``), or that the cache's own backend says is no longer true,
  /// is no hit: it is invalidated and asked for again. In a directory that is complete
  /// (``Dentry/isComplete``) a name that is not cached is absent without asking.
  ///
  /// - Parameters:
  ///   - parent: a directory.
  ///   - name: the name; `.` and `..` are refused.
  ///   - locking: who locks the directory.
  ///   - backend: is asked; may block. Gets the name as it was given.
  /// - Returns: the entry, positive or negative.
  /// - Throws: what ``allocParallel(parent:name:)`` says, what `lookup:` throws, and why its answer
  ///   could not be added; ``DcacheError/improperLink``: `parent` is another cache's.
  @available(*, noasync)
  @inlinable
  public func resolve<Name: DentryName & ~Escapable>(
    parent: borrowing Dentry<Payload>,
    name: Name,
    locking: DirectoryLocking = .shared,
    lookup backend: (Name) throws(DcacheError) -> LookupAnswer<Payload>
  ) throws(DcacheError) -> Dentry<Payload> {
    try checkInstance(of: parent)
    var isToBeChecked = true
    if let hit = lookup(parent: parent, name: name) {
      if try isTrue(hit) { return hit }
      isToBeChecked = false
    }
    return try resolveSlow(
      parent: parent, name: name, locking: locking, isToBeChecked: isToBeChecked, lookup: backend)
  }

  /// Calls `d_revalidate`, which invalidates an entry that is not true.
  @available(*, noasync)
  @inlinable
  internal func isTrue(_ entry: borrowing Dentry<Payload>) throws(DcacheError) -> Bool {
    defer { withExtendedLifetime(self) {} }
    let status = d_revalidate(entry.raw, 0)
    try check(status)
    return status > 0
  }

  /// `isToBeChecked`: may what is cached have been looked up before the call? Not once an entry has been
  /// found untrue, and so was invalidated: what is found after that was asked for meanwhile, and is an
  /// answer even if it is to be true for no time at all. So nobody invalidates it again and again, and all
  /// who wait for one lookup can share it.
  @available(*, noasync)
  @usableFromInline
  internal func resolveSlow<Name: DentryName & ~Escapable>(
    parent: borrowing Dentry<Payload>,
    name: Name,
    locking: DirectoryLocking,
    isToBeChecked: Bool,
    lookup backend: (Name) throws(DcacheError) -> LookupAnswer<Payload>
  ) throws(DcacheError) -> Dentry<Payload> {
    guard !name.withQstr({ $0.pointee.isDots }) else { throw .invalidArgument }
    guard let directory = parent.rawInode else { throw .noSuchFileOrDirectory }
    guard d_is_dir(parent.raw) else { throw .notDirectory }
    if locking == .shared { inode_lock_shared(directory) }
    defer { if locking == .shared { inode_unlock_shared(directory) } }

    var isToBeChecked = isToBeChecked
    while true {
      switch try allocParallel(parent: parent, name: name) {
      case .found(let entry):
        if !isToBeChecked || isAnswerInTime(entry) { return entry }
        if try isTrue(entry) { return entry }
        isToBeChecked = false
      case .pending(let lookup):
        // All names are cached, and this one was not: asked in that order.
        if parent.isComplete { return try lookup.addNegative() }
        return try Self.ask(backend, for: name, lookup)
      }
    }
  }

  /// An answer that was overtaken is nobody's but the owner's and theirs who asked before that; so it is
  /// good for who gets it, unless the cache's own backend can say more. Calls `d_lookup_overtaken`.
  private func isAnswerInTime(_ entry: borrowing Dentry<Payload>) -> Bool {
    backend?.revalidate == nil && d_lookup_overtaken(entry.raw)
  }

  /// End a lookup with what a backend says.
  @available(*, noasync)
  private static func ask<Name: DentryName & ~Escapable>(
    _ backend: (Name) throws(DcacheError) -> LookupAnswer<Payload>, for name: Name,
    _ lookup: consuming InLookup<Payload>
  ) throws(DcacheError) -> Dentry<Payload> {
    let answer: LookupAnswer<Payload>
    do throws(DcacheError) {
      answer = try backend(name)
    } catch {
      lookup.fail(error)
      throw error
    }
    return try answer.end(lookup)
  }
}

extension DentryCache {
  /// Find an entry; if it is not cached, wait for whoever is asking for it, or ask the cache's backend.
  /// Calls `lookup_one_unlocked`, or `__lookup_slow` if the directory is not to be locked.
  ///
  ///     let entry = try cache.resolve(parent: directory, name: "motd")
  ///
  /// As ``resolve(parent:name:locking:lookup:)`` in everything else.
  ///
  /// - Throws: ``DcacheError/notSupported``: the cache was made without a backend.
  @available(*, noasync)
  @inlinable
  public func resolve<Name: DentryName & ~Escapable>(
    parent: borrowing Dentry<Payload>, name: Name, locking: DirectoryLocking = .shared
  ) throws(DcacheError) -> Dentry<Payload> {
    try checkInstance(of: parent)
    defer { withExtendedLifetime(self) {} }
    let directory = parent.raw
    let entry = name.withQstr { name in
      switch locking {
      case .shared: lookup_one_unlocked(directory, name, 0)
      case .none: __lookup_slow(directory, name, 0)
      }
    }
    return Dentry(consuming: try pointer(entry))
  }
}
