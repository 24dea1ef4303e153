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

  /// Who answers what is not cached, if the cache was made with a backend.
  internal let backend: BackendBridge?

  /// The same for tasks.
  internal let asyncBackend: (any AsyncDirectoryBackend<Payload>)?

  /// The tasks that wait, by name.
  internal let flights = LookupFlights()

  /// Held by whoever locks two directories.
  internal let renaming = Lock()

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
  public convenience init(
    root payload: Payload, number: UInt64 = 0, options: CacheOptions = CacheOptions()
  ) throws(DcacheError) {
    try self.init(root: payload, number: number, options: options, bridge: nil, forTasks: nil)
  }

  /// Make a cache that asks `backend` for what it does not have: for ``walk(_:options:)`` and
  /// ``resolve(parent:name:locking:)``. Tasks need an ``AsyncDirectoryBackend``.
  ///
  /// A backend that refers to the cache keeps it alive for ever.
  public convenience init<Backend: DirectoryBackend>(
    root payload: Payload, number: UInt64 = 0, options: CacheOptions = CacheOptions(),
    backend: Backend
  ) throws(DcacheError) where Backend.Payload == Payload {
    try self.init(
      root: payload, number: number, options: options, bridge: BackendBridge(backend), forTasks: nil
    )
  }

  /// The same with a backend for tasks, which threads may ask too: they sleep until it answers.
  public convenience init<Backend: AsyncDirectoryBackend>(
    root payload: Payload, number: UInt64 = 0, options: CacheOptions = CacheOptions(),
    backend: Backend
  ) throws(DcacheError) where Backend.Payload == Payload {
    try self.init(
      root: payload, number: number, options: options, bridge: BackendBridge(blocking: backend),
      forTasks: backend)
  }

  /// The same with a backend that threads ask as a ``DirectoryBackend``, and tasks as an
  /// ``AsyncDirectoryBackend``.
  public convenience init<Backend: DirectoryBackend & AsyncDirectoryBackend>(
    root payload: Payload, number: UInt64 = 0, options: CacheOptions = CacheOptions(),
    backend: Backend
  ) throws(DcacheError) where Backend.Payload == Payload {
    try self.init(
      root: payload, number: number, options: options, bridge: BackendBridge(backend),
      forTasks: backend)
  }

  private init(
    root payload: Payload, number: UInt64, options: CacheOptions, bridge: BackendBridge?,
    forTasks asyncBackend: (any AsyncDirectoryBackend<Payload>)?
  ) throws(DcacheError) {
    let instance = try Self.makeInstance(options, bridge)
    do throws(DcacheError) {
      root = try Self.makeRoot(in: instance, payload: payload, number: number)
    } catch {
      dcache_release(instance)
      throw error
    }
    raw = instance
    backend = bridge
    self.asyncBackend = asyncBackend
  }

  /// Lets go of the instance. Calls `dcache_release`; the root, which pins it until then, goes next.
  deinit {
    dcache_release(raw)
  }

  private static func makeInstance(
    _ options: CacheOptions, _ backend: BackendBridge?
  ) throws(DcacheError) -> OpaquePointer {
    var settings = try options.rawOptions()
    settings.d_op = options.matching.operations(with: backend)
    settings.private_data = backend.map { Unmanaged.passUnretained($0).toOpaque() }
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
    matching?.apply(to: root.raw)
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

// MARK: - Counters and memory

extension DentryCache {
  /// The counters. Calls `dcache_get_stats`.
  public var statistics: CacheStatistics {
    var stats = dcache_stats()
    dcache_get_stats(raw, &stats)
    return CacheStatistics(stats)
  }

  /// Wait until all that was let go of before has been freed, payloads too. Not to be called from a
  /// payload's `deinit`, nor in a read section. Calls `dcache_barrier`.
  @available(*, noasync)
  public func barrier() {
    dcache_barrier(raw)
  }
}
