// SPDX-License-Identifier: LGPL-2.1-or-later

public import CDcache

/// Lookups without references, inside the closure of ``DentryCache/withReadLock(_:)``.
///
/// The section and the entries seen through it are lent to closures: they can be neither copied, nor
/// kept, nor handed to another thread, so nobody reaches an entry that has been freed. (A value
/// returned to the caller and bound to the section, a `~Escapable` one, would say the same with
/// less nesting, but declaring one needs the experimental feature `Lifetimes`, which a package that
/// others depend on had better do without.)
@frozen
public struct ReadSection<Payload: AnyObject & Sendable>: ~Copyable {
  @usableFromInline
  internal let instance: OpaquePointer

  @inlinable
  internal init(_ instance: OpaquePointer) {
    self.instance = instance
  }

  /// Look at an entry that is cached, without taking a reference. Calls `d_lookup_rcu` and
  /// `d_seq_retry`.
  ///
  /// What `body` returns is delivered only if the entry did not change while it ran: all that it saw
  /// of it, the payload too, was true at one moment. nil if it did change, or was not found. An entry
  /// that is being moved may be missed: nil means "ask ``DentryCache/lookup(parent:name:)``". An
  /// error of `body` is thrown if what it saw was true, too.
  @inlinable
  public borrowing func lookup<Name: DentryName & ~Escapable, Result: ~Copyable, Failure: Error>(
    parent: borrowing Dentry<Payload>, name: Name,
    _ body: (borrowing DentryView<Payload>) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    try lookup(raw: parent.raw, name: name, body)
  }

  /// The same, in a directory that is itself only seen: the next component of a path.
  @inlinable
  public borrowing func lookup<Name: DentryName & ~Escapable, Result: ~Copyable, Failure: Error>(
    parent: borrowing DentryView<Payload>, name: Name,
    _ body: (borrowing DentryView<Payload>) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    try lookup(raw: parent.raw, name: name, body)
  }

  @inlinable
  internal borrowing func lookup<Name: DentryName & ~Escapable, Result: ~Copyable, Failure: Error>(
    raw parent: OpaquePointer, name: Name,
    _ body: (borrowing DentryView<Payload>) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    var sequence: UInt32 = 0
    guard let entry = name.withQstr({ name in d_lookup_rcu(parent, name, &sequence) }) else {
      return nil
    }
    return try deliver(entry, sequence, body)
  }

  /// What `body` makes of an entry that was found with `sequence`, unless it has changed since.
  @inlinable
  internal borrowing func deliver<Result: ~Copyable, Failure: Error>(
    _ entry: OpaquePointer, _ sequence: UInt32,
    _ body: (borrowing DentryView<Payload>) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    let result: Result
    do throws(Failure) {
      result = try body(DentryView(raw: entry, sequence: sequence))
    } catch {
      if d_seq_retry(entry, sequence) { return nil }
      throw error
    }
    return d_seq_retry(entry, sequence) ? nil : consume result
  }
}

/// An entry seen in a read section, without a reference.
///
/// Each property is right by itself; that they are right together is known when the closure to which
/// the view was lent has returned, see ``ReadSection/lookup(parent:name:_:)``.
@frozen
public struct DentryView<Payload: AnyObject & Sendable>: ~Copyable {
  @usableFromInline
  internal let raw: OpaquePointer
  @usableFromInline
  internal let sequence: UInt32

  @inlinable
  internal init(raw: OpaquePointer, sequence: UInt32) {
    self.raw = raw
    self.sequence = sequence
  }

  /// The payload, or nil if the entry is negative. It may be kept: it is released after all read
  /// sections that could see it have ended, so it is alive to be retained here. Calls `d_inode` and
  /// `inode_private`.
  @inlinable
  public var payload: Payload? {
    guard let inode = d_inode(raw) else { return nil }
    return Unmanaged<Payload>.fromOpaque(inode_private(inode).unsafelyUnwrapped)
      .takeUnretainedValue()
  }

  /// Use the payload without keeping it, hence without counting it, which would be a store that other
  /// threads see. nil if the entry is negative. Calls `d_inode` and `inode_private`.
  @inlinable
  public borrowing func withPayload<Result: ~Copyable, Failure: Error>(
    _ body: (borrowing Payload) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard let inode = d_inode(raw) else { return nil }
    let payload = Unmanaged<Payload>.fromOpaque(inode_private(inode).unsafelyUnwrapped)
    var result: Result?
    var failure: Failure?
    // The read section keeps the payload alive. Takes neither typed errors nor non-copyable results.
    payload._withUnsafeGuaranteedRef { payload in
      do throws(Failure) {
        result = try body(payload)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return result
  }

  /// What kind of object it leads to; nil if the entry is negative. Calls `inode_get_type`.
  @inlinable
  public var kind: InodeKind? {
    d_inode(raw).map { InodeKind(rawType: inode_get_type($0)) }
  }

  /// The number of the inode, or nil if the entry is negative. Calls `inode_number`.
  @inlinable
  public var inodeNumber: UInt64? {
    d_inode(raw).map { inode_number($0) }
  }

  /// Is the name known not to exist? Calls `d_is_negative`.
  @inlinable
  public var isNegative: Bool { d_is_negative(raw) }

  /// Has it a payload? Calls `d_is_positive`.
  @inlinable
  public var isPositive: Bool { d_is_positive(raw) }

  /// Does it lead to a directory? Calls `d_is_dir`.
  @inlinable
  public var isDirectory: Bool { d_is_dir(raw) }

  /// Keep the entry beyond the section: a reference, or nil if it has changed since it was found.
  /// Calls `dget_rcu`.
  ///
  ///     let entry = cache.withReadLock { section in
  ///       section.lookup(parent: cache.root, name: "etc") { view in view.dentry() } ?? nil
  ///     }
  @inlinable
  public borrowing func dentry() -> Dentry<Payload>? {
    dget_rcu(raw, sequence) ? Dentry(consuming: raw) : nil
  }
}

// A section is its thread's.

@available(*, unavailable)
extension ReadSection: Sendable {}

@available(*, unavailable)
extension DentryView: Sendable {}

extension DentryCache {
  /// Run `body` in a read section: nothing that it can see is freed meanwhile. Calls
  /// `dcache_read_lock` and `dcache_read_unlock`.
  ///
  ///     let size = cache.withReadLock { section in
  ///       section.lookup(parent: cache.root, name: "motd") { view in view.payload?.size }
  ///     }
  ///
  /// Lookups in it take no lock and no reference and store nothing that other threads see. `body`
  /// must not block, nor call what does, nor let go of a ``Dentry``. A section that lasts keeps all
  /// freed memory of the process's caches from being given back.
  @inlinable
  public func withReadLock<Result: ~Copyable, Failure: Error>(
    _ body: (borrowing ReadSection<Payload>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    dcache_read_lock()
    defer {
      dcache_read_unlock()
      // A walk may ask the backend for what is at hand, and that is the cache object's.
      withExtendedLifetime(self) {}
    }
    return try body(ReadSection(raw))
  }
}
