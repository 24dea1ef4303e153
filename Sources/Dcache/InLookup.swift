// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// What ``DentryCache/allocParallel(parent:name:)`` answers.
@frozen
public enum AllocParallel<Payload: AnyObject & Sendable>: ~Copyable, Sendable {
  /// The name is cached, or somebody else's lookup has just answered it. May be negative.
  case found(Dentry<Payload>)

  /// Nobody knows yet: the caller owns this lookup now, and others wait for it to end.
  case pending(InLookup<Payload>)
}

/// A lookup that the holder owns: others who want the same name sleep until it ends.
///
/// It ends by exactly one of `add`, `addNegative`, `splice`, `addCI`, `redirect`, `fail` and
/// `abandon`, each of which consumes it. If it is let go without any, it is abandoned: one of those
/// who wait becomes the owner. So a forgotten completion leaves nobody asleep.
///
///     switch try cache.allocParallel(parent: directory, name: "motd") {
///     case .found(let entry):
///       return entry
///     case .pending(let lookup):
///       guard let file = try askTheBackend() else { return try lookup.addNegative() }
///       return try lookup.add(file, kind: .regular)
///     }
///
/// If ending it fails, the error is thrown, and those who wait get the same error.
///
/// An answer whose name, or directory, was changed or invalidated since the lookup began comes too late: its
/// entry is returned, to those who asked before the change as well, but not cached; who asks after the
/// change asks anew. ``isOvertaken`` tells, ``Dentry/isOvertaken`` afterwards; ``CacheStatistics/overtaken``
/// counts these.
///
/// The thread that began a lookup gets ``DcacheError/resourceDeadlockAvoided`` if it looks for the
/// same name again instead of ending it. A lookup that another thread is to end must say so
/// with ``detached()``; otherwise the one that began it gets that error for no reason, and the
/// one that ends it sleeps for ever if it looks for the name first.
@frozen
public struct InLookup<Payload: AnyObject & Sendable>: ~Copyable, @unchecked Sendable {
  // Sendable: any thread may end a lookup, and `~Copyable` sees to it that one does.
  @usableFromInline
  internal let raw: OpaquePointer

  /// Takes over the reference, and the duty to end the lookup.
  @inlinable
  internal init(consuming raw: OpaquePointer) {
    self.raw = raw
  }

  /// Abandons the lookup. Calls `d_lookup_done` and `dput`.
  deinit {
    d_lookup_done(raw)
    dput(raw)
  }

  /// The reference and the duty, for one of the ways of ending.
  @usableFromInline
  internal consuming func take() -> OpaquePointer {
    let raw = self.raw
    discard self
    return raw
  }
}

// MARK: - What is asked for

extension InLookup {
  /// The name that is asked for, with U+FFFD for what is not UTF-8. Calls `d_name_copy`.
  public var name: String {
    withNameBytes { bytes in
      bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
  }

  /// Lend the bytes of the name that is asked for. Calls `d_name_copy`.
  public borrowing func withNameBytes<Result: ~Copyable, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try lendName(of: raw, body)
  }

  /// The directory. Calls `dget_parent`.
  public borrowing func parent() -> Dentry<Payload> {
    Dentry(consuming: dget_parent(raw))
  }

  /// Has the name, or its directory, been changed or invalidated since the lookup began? Then nothing that it
  /// ends with will be cached, not even what the backend says from now on; ``abandon()`` lets somebody begin
  /// anew. Once true it stays so. Calls `d_lookup_overtaken`.
  public var isOvertaken: Bool { d_lookup_overtaken(raw) }

  /// The same lookup, which any thread may end from now on. Calls `d_lookup_detach`.
  ///
  ///     let lookup = lookup.detached()
  ///     let thread = Thread { … lookup … }
  public consuming func detached() -> InLookup {
    d_lookup_detach(raw)
    return self
  }
}

// MARK: - Ending it

extension InLookup {
  /// The name leads to a new object. Calls `new_inode` and `d_add`.
  ///
  /// - Parameters:
  ///   - payload: the program's; released when the inode goes.
  ///   - kind: what kind of object it is.
  ///   - number: any, for the program's use.
  ///   - matching: how names are compared in it, if it is a directory. nil: as the cache's options
  ///     say.
  /// - Returns: the entry, which those who wait get too.
  /// - Throws: ``DcacheError/noMemory``, and what ``add(_:)`` says.
  public consuming func add(
    _ payload: Payload, kind: InodeKind, number: UInt64 = 0, matching: NameMatching? = nil
  ) throws(DcacheError) -> Dentry<Payload> {
    let inode: Inode<Payload>
    do throws(DcacheError) {
      inode = try .make(in: d_dcache(raw), payload: payload, kind: kind, number: number)
    } catch {
      failed(error)
      throw error
    }
    matching?.apply(to: raw)
    return try add(inode)
  }

  /// The name leads to an object that is known. Calls `d_add`.
  ///
  /// - Throws: ``DcacheError/fileExists``: the inode is a directory that has an entry already (see
  ///   ``splice(_:)``);
  ///   ``DcacheError/improperLink``: it is another cache's.
  public consuming func add(
    _ inode: consuming Inode<Payload>
  ) throws(DcacheError) -> Dentry<Payload> {
    try added(d_add(raw, inode.take()))
  }

  /// The name does not exist. Calls `d_add`.
  public consuming func addNegative() throws(DcacheError) -> Dentry<Payload> {
    try added(d_add(raw, nil))
  }

  /// The name leads to an object that may be known under another name. Calls `d_splice_alias`.
  ///
  /// A directory has one entry: if it has one elsewhere, that entry moves here, with all that is
  /// below it, and is returned; those who wait get it too. If this comes too late it stays where it is.
  ///
  /// - Throws: ``DcacheError/tooManySymbolicLinkLevels``: that entry is above this name;
  ///   ``DcacheError/staleFileHandle``: the other directory is locked; and what ``add(_:)`` says.
  public consuming func splice(
    _ inode: consuming Inode<Payload>
  ) throws(DcacheError) -> Dentry<Payload> {
    let alias = d_splice_alias(inode.take(), raw)
    if let error = error(in: alias) {
      failed(error)
      throw error
    }
    let asked = take()
    guard let alias else { return Dentry(consuming: asked) }
    dput(asked)
    return Dentry(consuming: alias)
  }

  /// The name is another spelling of `name`, under which the directory stores a new object. Calls
  /// `new_inode`, `d_add_ci` and `d_lookup_redirect`.
  ///
  /// Only the stored spelling is cached. Its entry is returned, and those who wait for the asked
  /// spelling get it too, without asking the backend.
  ///
  /// Blocks while somebody else is asking for the stored spelling.
  ///
  /// - Throws: what ``addCI(name:_:)`` says, and ``DcacheError/noMemory``.
  @available(*, noasync)
  public consuming func addCI<Name: DentryName & ~Escapable>(
    name: Name, _ payload: Payload, kind: InodeKind, number: UInt64 = 0
  ) throws(DcacheError) -> Dentry<Payload> {
    let inode: Inode<Payload>
    do throws(DcacheError) {
      inode = try .make(in: d_dcache(raw), payload: payload, kind: kind, number: number)
    } catch {
      failed(error)
      throw error
    }
    return try addCI(name: name, inode)
  }

  /// The name is another spelling of `name`, under which the directory stores an object that is
  /// known. Calls `d_add_ci` and `d_lookup_redirect`.
  ///
  /// - Throws: ``DcacheError/resourceDeadlockAvoided``: whoever is asking for the stored spelling
  ///   waits for this lookup; ``DcacheError/invalidArgument`` and ``DcacheError/fileNameTooLong``:
  ///   `name` is no name; and what ``splice(_:)`` says.
  @available(*, noasync)
  public consuming func addCI<Name: DentryName & ~Escapable>(
    name: Name, _ inode: consuming Inode<Payload>
  ) throws(DcacheError) -> Dentry<Payload> {
    let rawInode = inode.take()
    let asked = raw
    return try redirected(name.withQstr { name in d_add_ci(asked, rawInode, name) })
  }

  /// What `d_add_ci` returned is what those who wait get.
  internal consuming func redirected(
    _ stored: OpaquePointer?
  ) throws(DcacheError) -> Dentry<Payload> {
    let asked = raw
    if let error = error(in: stored) {
      failed(error)
      throw error
    }
    let result = Dentry<Payload>(consuming: stored.unsafelyUnwrapped)
    // -EALREADY: the spellings are equal, and the asked one was ended with the answer. -EINVAL: they
    // are one entry. Nothing to redirect in either case.
    if d_lookup_redirect(asked, result.raw) == -EINVAL {
      d_lookup_done(asked)
    }
    dput(take())
    return result
  }

  /// The name is another entry's. That entry is what those who wait get. Calls `d_lookup_redirect`.
  ///
  /// - Throws: ``DcacheError/improperLink``: `entry` is another cache's.
  public consuming func redirect(to entry: borrowing Dentry<Payload>) throws(DcacheError) {
    let status = d_lookup_redirect(raw, entry.raw)
    guard status == 0 else {
      let error = DcacheError(rawValue: -status)
      failed(error)
      throw error
    }
    dput(take())
  }

  /// The backend could not answer. Those who wait get the error; a later caller asks afresh. Calls
  /// `d_lookup_fail`.
  ///
  /// An error that is no `errno` value, 1 to 4095, counts as ``DcacheError/ioError``.
  public consuming func fail(_ error: DcacheError) {
    failed(error)
  }

  /// No answer: one of those who wait becomes the owner. Calls `d_lookup_done`.
  public consuming func abandon() {
    // deinit does it.
  }

  /// The reference, if `d_add` said that the entry is in its place.
  private consuming func added(_ status: Int32) throws(DcacheError) -> Dentry<Payload> {
    guard status == 0 else {
      // It is still in-lookup, and still ours to end.
      let error = DcacheError(rawValue: -status)
      failed(error)
      throw error
    }
    return Dentry(consuming: take())
  }

  private consuming func failed(_ error: DcacheError) {
    let raw = take()
    // -EALREADY: it has been ended, nobody waits.
    _ = d_lookup_fail(raw, -error.number)
    dput(raw)
  }
}
