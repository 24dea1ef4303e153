// SPDX-License-Identifier: LGPL-2.1-or-later

// For programs in which C and Swift use one cache: `@_spi(CInterop) import Dcache`. Not part of the
// safe interface, hence not of the public one.
//
// What C must keep to: every inode of the instance was made by this module (`makeInode`), since
// its private pointer is a retained Payload, and the instance's is the module's own; names are looked
// up only while the cache object is alive, which owns the backend; `d_delete` only on a reference of
// its own; no `dcache_destroy` nor `dcache_release` of the instance.

extension DentryCache {
  /// The instance, `struct dcache *`; valid while the cache is.
  @_spi(CInterop)
  public var unsafeInstance: OpaquePointer { raw }
}

extension Dentry {
  /// Takes over a reference, `struct dentry *`, to an entry whose inodes have payloads of that type.
  @_spi(CInterop)
  public init(unsafeConsuming pointer: OpaquePointer) {
    self.init(consuming: pointer)
  }

  /// The entry, `struct dentry *`; valid while this reference is.
  @_spi(CInterop)
  public var unsafePointer: OpaquePointer { raw }
}

extension InLookup {
  /// Takes over an entry that is in-lookup, and the duty to end that.
  @_spi(CInterop)
  public init(unsafeConsuming pointer: OpaquePointer) {
    self.init(consuming: pointer)
  }

  /// Hand the reference, and the duty to end the lookup, to C.
  @_spi(CInterop)
  public consuming func unsafeTake() -> OpaquePointer { take() }
}

extension Inode {
  /// Hand the reference to C: `struct inode *`, for a call that consumes it.
  @_spi(CInterop)
  public consuming func unsafeTake() -> OpaquePointer { take() }
}
