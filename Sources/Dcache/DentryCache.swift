// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// A cache of (directory, name) → payload: an instance, `struct dcache`.
///
/// `Payload` is the program's own object behind a name. It is attached to an inode, and
/// released when the last entry of that inode is gone and no reader can see it any more.
///
///     final class File: Sendable { … }
///
///     let cache = try DentryCache(root: File())
///     let etc = try cache.resolve(parent: cache.root, name: "etc") { name throws(DcacheError) in
///       .found(try File(host: name), kind: .directory)
///     }
///
/// The `deinit` of a payload runs in a thread of the cache, after a grace period. It may let go of
/// entries and inodes, but must not wait for a lock that a caller of the cache holds.
///
/// Entries may outlive the cache object; from its end on they are freed with their last
/// reference instead of being kept, and the instance goes with the last one. A payload that
/// refers to its own cache keeps it alive for ever.
public final class DentryCache<Payload: AnyObject & Sendable>: Sendable {
  /// The instance. `nonisolated(unsafe)`: the pointer never changes, and every call that is made
  /// with it may be made from any thread (dcache.h, "Threads").
  @usableFromInline
  nonisolated(unsafe) internal let raw: OpaquePointer

  /// The root of the tree.
  public let root: Dentry<Payload>

  /// Make a cache with a root directory. Calls `dcache_create`, `new_inode` and `d_make_root`.
  ///
  /// - Parameters:
  ///   - payload: the root directory's.
  ///   - number: the root's inode number.
  ///   - options: settings.
  /// - Throws: ``DcacheError/invalidArgument``: a setting is out of range; ``DcacheError/noMemory``;
  ///   or why no thread could be started.
  public init(
    root payload: Payload, number: UInt64 = 0, options: CacheOptions = CacheOptions()
  ) throws(DcacheError) {
    let instance = try Self.makeInstance(options)
    do throws(DcacheError) {
      root = try Self.makeRoot(in: instance, payload: payload, number: number)
    } catch {
      dcache_release(instance)
      throw error
    }
    raw = instance
  }

  /// Lets go of the instance. Calls `dcache_release`; the root, which pins it until then, goes next.
  deinit {
    dcache_release(raw)
  }

  private static func makeInstance(_ options: CacheOptions) throws(DcacheError) -> OpaquePointer {
    guard options.buckets >= 0, options.inLookupBuckets >= 0, options.maxEntries >= 0 else {
      throw .invalidArgument
    }
    var settings = dcache_options()
    settings.size = MemoryLayout<dcache_options>.size
    settings.hash_buckets = options.buckets
    settings.in_lookup_buckets = options.inLookupBuckets
    settings.max_entries = options.maxEntries
    settings.seed = options.seed
    settings.d_op = options.matching.operations
    var instance: OpaquePointer?
    try check(dcache_create(&settings, &instance))
    return instance.unsafelyUnwrapped
  }

  private static func makeRoot(
    in instance: OpaquePointer, payload: Payload, number: UInt64
  ) throws(DcacheError) -> Dentry<Payload> {
    let inode = try Inode.make(in: instance, payload: payload, kind: .directory, number: number)
    return Dentry(consuming: try pointer(d_make_root(inode.take())))
  }
}

// MARK: - Inodes and roots

extension DentryCache {
  /// Another tree in the same cache; `matching` says how names are compared in its root, nil: as the
  /// options say. Calls `new_inode` and `d_make_root`.
  public func makeRoot(
    _ payload: Payload, number: UInt64 = 0, matching: NameMatching? = nil
  ) throws(DcacheError) -> Dentry<Payload> {
    let root = try Self.makeRoot(in: raw, payload: payload, number: number)
    // Nobody else has it yet, so it has no children.
    if let matching { d_set_d_op(root.raw, matching.operations) }
    return root
  }

  /// An object that may get several names. Calls `new_inode`.
  public func makeInode(
    _ payload: Payload, kind: InodeKind, number: UInt64 = 0
  ) throws(DcacheError) -> Inode<Payload> {
    try Inode.make(in: raw, payload: payload, kind: kind, number: number)
  }

  /// Any entry of an inode, or a new one without a place, which is freed with its last reference
  /// unless ``InLookup/splice(_:)`` finds it one before. For objects found without a name, as by a
  /// file handle. Calls `d_obtain_alias`.
  public func obtainAlias(of inode: consuming Inode<Payload>) throws(DcacheError) -> Dentry<Payload>
  {
    Dentry(consuming: try pointer(d_obtain_alias(inode.take())))
  }
}

// MARK: - Memory

extension DentryCache {
  /// The counters. Calls `dcache_get_stats`.
  public var statistics: CacheStatistics {
    var stats = dcache_stats()
    dcache_get_stats(raw, &stats)
    return CacheStatistics(
      entries: stats.entries,
      negatives: stats.negatives,
      unused: stats.unused,
      inLookup: stats.in_lookup,
      inodes: stats.inodes,
      pendingFrees: stats.pending_frees,
      bytes: stats.bytes,
      lookupsStarted: stats.lookups_started,
      lookupsWaited: stats.lookups_waited,
      outcomesShared: stats.outcomes_shared,
      evicted: stats.evicted)
  }

  /// Free up to `count` unused entries, the least recently used first. An entry that was used again
  /// is spared once. Returns how many were freed. Calls `shrink_dcache`.
  @discardableResult
  public func shrink(_ count: Int = .max) -> Int {
    Int(shrink_dcache(raw, max(count, 0)))
  }

  /// Wait until all that was let go of before has been freed, payloads too. Not to be called from a
  /// payload's `deinit`, nor in a read section. Calls `dcache_barrier`.
  @available(*, noasync)
  public func barrier() {
    dcache_barrier(raw)
  }
}
