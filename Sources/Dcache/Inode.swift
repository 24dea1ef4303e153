// SPDX-License-Identifier: LGPL-2.1-or-later

public import CDcache

/// A counted reference to an inode: the object that names lead to, with the program's payload.
///
/// Most programs never need one: adding an entry makes its inode. It is for objects that have
/// several names, such as hard links, or that turn up again under another one:
///
///     let inode = try cache.makeInode(file, kind: .regular, number: 12)
///     try first.add(inode.duplicate())
///     try second.add(inode)
///
/// Each `Inode` value is one reference, given back when the value goes. The payload is released
/// when the last reference, those of entries included, is gone and no reader can see it any more.
@frozen
public struct Inode<Payload: AnyObject & Sendable>: ~Copyable, @unchecked Sendable {
  // Sendable: the count is atomic, and kind, number and payload never change. A reference may be
  // given back by any thread.
  @usableFromInline
  internal let raw: OpaquePointer

  /// Takes over a reference.
  @inlinable
  internal init(consuming raw: OpaquePointer) {
    self.raw = raw
  }

  /// Calls `iput`. The last reference does not run the payload's `deinit` here, but in the
  /// instance's own thread.
  @inlinable
  deinit {
    iput(raw)
  }

  /// Another reference. Calls `ihold`.
  @inlinable
  public borrowing func duplicate() -> Inode {
    ihold(raw)
    return Inode(consuming: raw)
  }

  /// Give the reference back without waiting for anything, as ``Dentry/releaseDeferred()`` does. Calls
  /// `iput_deferred`.
  @inlinable
  public consuming func releaseDeferred() {
    iput_deferred(take())
  }

  /// The program's payload. Calls `inode_private`.
  @inlinable
  public var payload: Payload {
    Unmanaged<Payload>.fromOpaque(inode_private(raw).unsafelyUnwrapped).takeUnretainedValue()
  }

  /// What kind of object it is. Calls `inode_get_type`.
  public var kind: InodeKind {
    InodeKind(rawType: inode_get_type(raw))
  }

  /// The number it was made with. Calls `inode_number`.
  @inlinable
  public var number: UInt64 {
    inode_number(raw)
  }

  /// Are they the same inode?
  @inlinable
  public static func == (lhs: borrowing Inode, rhs: borrowing Inode) -> Bool {
    lhs.raw == rhs.raw
  }

  /// The reference itself, for a C call that consumes it.
  @inlinable
  internal consuming func take() -> OpaquePointer {
    let raw = self.raw
    discard self
    return raw
  }
}

extension Inode {
  /// A new inode with one reference. Calls `new_inode`.
  ///
  /// The payload is retained here and released by the operation `release` of the inode.
  internal static func make(
    in instance: OpaquePointer, payload: Payload, kind: InodeKind, number: UInt64
  ) throws(DcacheError) -> Inode {
    let retained = Unmanaged.passRetained(payload)
    let result = new_inode(
      instance, number, kind.rawType, inodeOperations(in: instance), retained.toOpaque())
    if let error = error(in: result) {
      retained.release()
      throw error
    }
    return Inode(consuming: result.unsafelyUnwrapped)
  }
}

// MARK: - The inode table

extension Inode {
  /// The inode of a number, made if need be. Calls `iget_locked`, and `unlock_new_inode` or
  /// `iget_failed`.
  @available(*, noasync)
  internal static func numbered(
    _ number: UInt64, in instance: OpaquePointer,
    orMake make: () throws(DcacheError) -> (Payload, InodeKind)
  ) throws(DcacheError) -> Inode {
    let raw = try pointer(iget_locked(instance, number))
    guard inode_is_new(raw) else { return Inode(consuming: raw) }
    let (payload, kind): (Payload, InodeKind)
    do throws(DcacheError) {
      (payload, kind) = try make()
    } catch {
      // The next one who asks for the number makes its own.
      iget_failed(raw)
      throw error
    }
    let retained = Unmanaged.passRetained(payload)
    // It is new and the type is known: no error is left.
    _ = unlock_new_inode(
      raw, kind.rawType, inodeOperations(in: instance), retained.toOpaque())
    return Inode(consuming: raw)
  }
}

// MARK: - Its entries

extension Inode {
  /// An entry of the inode: a directory's one entry, even if lookups do not find it; of any other, one
  /// that they find. nil if there is none. Calls `d_find_alias`.
  public borrowing func entry() -> Dentry<Payload>? {
    guard let found = d_find_alias(raw) else { return nil }
    return Dentry(consuming: found)
  }

  /// Any entry of the inode, whether lookups find it or not; nil if there is none. Calls
  /// `d_find_any_alias`.
  public borrowing func anyEntry() -> Dentry<Payload>? {
    guard let found = d_find_any_alias(raw) else { return nil }
    return Dentry(consuming: found)
  }

  /// Free those entries of the inode that are unused. Returns how many were. Calls `d_prune_aliases`.
  @discardableResult
  public borrowing func pruneEntries() -> Int {
    Int(d_prune_aliases(raw))
  }
}
