// SPDX-License-Identifier: LGPL-2.1-or-later

public import CDcache

/// A counted reference to an entry: what is known of a name in a directory.
///
/// An entry is positive, it has a payload, or negative: the name is known not to exist. Each
/// `Dentry` value is one reference, given back exactly once, when the value goes; it cannot be
/// copied. ``duplicate()`` takes another; ``SharedDentry`` is for places that want to copy.
///
///     if let entry = cache.lookup(parent: cache.root, name: "etc") {
///       print(entry.path, entry.isDirectory)
///     }
///
/// An entry may outlive the ``DentryCache`` it comes from. The last reference to an entry may
/// free it, which may wait for a lock for a moment: do not let one go inside `withReadLock`.
@frozen
public struct Dentry<Payload: AnyObject & Sendable>: ~Copyable, @unchecked Sendable {
  // Sendable: every call made here may be made from any thread on a referenced entry (dcache.h,
  // "Threads"). What an entry leads to is a Payload, which is Sendable.
  @usableFromInline
  internal let raw: OpaquePointer

  /// Takes over a reference.
  @inlinable
  internal init(consuming raw: OpaquePointer) {
    self.raw = raw
  }

  /// Calls `dput`.
  @inlinable
  deinit {
    dput(raw)
  }

  /// Another reference to the same entry. Calls `dget`.
  @inlinable
  public borrowing func duplicate() -> Dentry {
    dget(raw)
    return Dentry(consuming: raw)
  }

  /// Give the reference back without waiting for anything: what that takes, if it is the last, is left
  /// to the background. Calls `dput_deferred`.
  ///
  /// The end of a value frees what nobody else uses. Where very much waits to be freed it waits for
  /// that, and so perhaps for a payload's `deinit`. This never does: for code that holds a lock which a
  /// payload's `deinit` takes, or that must not be held up.
  ///
  ///     if let entry = cache.lookup(parent: directory, name: "old") {
  ///       entry.drop()
  ///       entry.releaseDeferred()
  ///     }
  ///
  /// Until the background has come to it, soon, the entry is in use, and counts in
  /// ``CacheStatistics/pendingPuts``. ``DentryCache/barrier()`` waits for it. Like the end of a value,
  /// not inside `withReadLock`.
  @inlinable
  public consuming func releaseDeferred() {
    dput_deferred(take())
  }

  /// The reference itself, for a C call that consumes it.
  @inlinable
  internal consuming func take() -> OpaquePointer {
    let raw = self.raw
    discard self
    return raw
  }

  /// Lend an entry to which somebody else has a reference, without taking another.
  internal static func lend<Result, Failure: Error>(
    _ raw: OpaquePointer, to body: (borrowing Dentry) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let entry = Dentry(consuming: raw)
    let result: Result
    do throws(Failure) {
      result = try body(entry)
    } catch {
      _ = entry.take()
      throw error
    }
    _ = entry.take()
    return result
  }

  /// Are they the same entry?
  @inlinable
  public static func == (lhs: borrowing Dentry, rhs: borrowing Dentry) -> Bool {
    lhs.raw == rhs.raw
  }

  /// Are they different entries?
  @inlinable
  public static func != (lhs: borrowing Dentry, rhs: borrowing Dentry) -> Bool {
    lhs.raw != rhs.raw
  }
}

// MARK: - What it leads to

extension Dentry {
  // A positive entry stays positive, with the same inode, while somebody else has a reference to it:
  // only the last reference's end and `d_delete` by the only user take the inode away, and the
  // module's `delete` consumes the reference it is called on, which can therefore not be this one.
  // So a borrowed Dentry may follow `d_inode` outside of read sections.

  /// The inode, unreferenced; valid while this reference is borrowed. Calls `d_inode`.
  @inlinable
  internal var rawInode: OpaquePointer? {
    d_inode(raw)
  }

  /// The payload, or nil if the entry is negative. Calls `d_inode` and `inode_private`.
  @inlinable
  public var payload: Payload? {
    guard let inode = rawInode else { return nil }
    return Unmanaged<Payload>.fromOpaque(inode_private(inode).unsafelyUnwrapped)
      .takeUnretainedValue()
  }

  /// A reference to the inode, or nil if the entry is negative. Calls `d_inode` and `ihold`.
  @inlinable
  public var inode: Inode<Payload>? {
    guard let inode = rawInode else { return nil }
    ihold(inode)
    return Inode(consuming: inode)
  }

  /// What kind of object it leads to; nil if the entry is negative. Calls `inode_get_type`.
  @inlinable
  public var kind: InodeKind? {
    rawInode.map { InodeKind(rawType: inode_get_type($0)) }
  }

  /// The number of the inode, or nil if the entry is negative. Calls `inode_number`.
  @inlinable
  public var inodeNumber: UInt64? {
    rawInode.map { inode_number($0) }
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
}

// MARK: - Where it is

extension Dentry {
  /// Can lookups find it? A root cannot be looked up. Calls `d_unhashed`.
  public var isHashed: Bool { !d_unhashed(raw) }

  /// Is it its own parent: the root of a tree, or without a place yet? Calls `IS_ROOT`.
  public var isRoot: Bool { IS_ROOT(raw) }

  /// Is it, or the topmost entry above it, one that ``DentryCache/obtainAlias(of:)`` made and that has
  /// found no place yet? Calls `d_is_disconnected`.
  public var isDisconnected: Bool { d_is_disconnected(raw) }

  /// The directory it is in; a root's is the root. Calls `dget_parent`.
  @inlinable
  public borrowing func parent() -> Dentry {
    Dentry(consuming: dget_parent(raw))
  }

  /// Lend the bytes of the name, as of one moment, to `body`. Calls `d_name_copy`.
  public borrowing func withNameBytes<Result: ~Copyable, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try lendName(of: raw, body)
  }

  /// The bytes of the name. Calls `d_name_copy`.
  public var nameBytes: [UInt8] {
    withNameBytes { bytes in
      [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
        for index in bytes.indices { buffer.initializeElement(at: index, to: bytes[index]) }
        count = bytes.count
      }
    }
  }

  /// The name, with U+FFFD for what is not UTF-8. Calls `d_name_copy`.
  public var name: String {
    withNameBytes { bytes in
      bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
  }

  /// The bytes of the path from the root of the tree, as of one moment. Calls `dentry_path`.
  public var pathBytes: [UInt8] {
    var capacity = 256
    while true {
      // -ENAMETOOLONG is the only error, and says that it does not fit.
      var length: Int32 = 0
      let path = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        length = buffer.withMemoryRebound(to: CChar.self) {
          dentry_path(raw, $0.baseAddress, capacity)
        }
        count = Int(max(length, 0))
      }
      if length >= 0 { return path }
      capacity *= 4
    }
  }

  /// The path from the root of the tree, as of one moment, with U+FFFD for what is not UTF-8. Calls
  /// `dentry_path`.
  public var path: String {
    String(decoding: pathBytes, as: UTF8.self)
  }
}

/// Copy the name of an entry to the stack and lend it.
internal func lendName<Result: ~Copyable, Failure: Error>(
  of raw: OpaquePointer, _ body: (Span<UInt8>) throws(Failure) -> Result
) throws(Failure) -> Result {
  var name = InlineArray<256, UInt8>(repeating: 0)
  var mutableSpan = name.mutableSpan
  let length = mutableSpan.withUnsafeMutableBytes { buffer in
    // DCACHE_NAME_MAX + 1 bytes always suffice.
    d_name_copy(raw, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
  }
  return try body(name.span.extracting(first: Int(length)))
}

// MARK: - Taking it out of the cache

extension Dentry {
  /// Make it unreachable for lookups from now on; holders keep it. For an entry that is no longer
  /// true: the next one who looks asks the backend again. Calls `d_drop`.
  public borrowing func drop() {
    d_drop(raw)
  }

  /// Make it reachable again after ``drop()``. Calls `d_rehash`.
  ///
  /// Throws ``DcacheError/fileExists`` if the name has been cached again since, or the entry is
  /// reachable; ``DcacheError/invalidArgument`` for a root, or an entry that another took the
  /// place of.
  public borrowing func rehash() throws(DcacheError) {
    try check(d_rehash(raw))
  }
}
