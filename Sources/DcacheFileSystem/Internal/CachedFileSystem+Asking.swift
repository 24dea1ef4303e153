// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc

// What tasks do: what is cached is answered at once. Otherwise the names of the path that are missing are
// brought into the cache, one after the other, each asked for in a thread of the pool by one task while all
// others that want it are suspended, whether they come by the same path or not. Then the answer is cached,
// unless that was taken away meanwhile, or it is more than the names: after some rounds, and for the rest, a
// thread of the pool makes the call that blocks.

extension CachedFileSystem {
  /// As `answer`, for a task. `kept` as in `find`; `blocking` is the whole call, made in a thread of the pool.
  nonisolated(nonsending)
    internal func answer<Path: DentryName, Result: Sendable, C: Clock>(
      _ path: Path, _ options: WalkOptions, until deadline: C.Instant?, _ clock: C,
      kept: (borrowing Node) -> Result?,
      blocking: @escaping @Sendable (Span<UInt8>) throws(DcacheError) -> Result
    ) async throws(FileSystemError) -> Result
  {
    let (hit, isNamed, whole): (Result?, Bool, [UInt8]) = try answer(path) {
      path throws(DcacheError) in
      let (hit, isNamed) = try findCached(path, options, kept)
      return (hit, isNamed, hit == nil ? path.copied() : [])
    }
    if let hit { return hit }
    do throws(DcacheError) {
      if !isNamed, let hit = try await bring(whole, options, until: deadline, clock, kept: kept) {
        return hit
      }
      return try await pool.run(deadline.map { PoolDeadline($0, clock) }) {
        () throws(DcacheError) in
        try blocking(whole.span)
      }
    } catch {
      throw FileSystemError(error, path: path.withBytes { $0.copied() })
    }
  }

  /// What `kept` makes of what is cached; false: the path is not cached.
  internal func findCached<Result>(
    _ path: Span<UInt8>, _ options: WalkOptions, _ kept: (borrowing Node) -> Result?
  ) throws(DcacheError) -> (Result?, isNamed: Bool) {
    var isNamed = false
    let hit = try cache.withReadLock { section throws(DcacheError) -> Result? in
      let found = try section.walk(path, root: cache.root, options: options) { view in
        isNamed = view.isPositive
        return view.withPayload { node in kept(node) } ?? nil
      }
      return found ?? nil
    }
    return (hit, isNamed)
  }

  /// Bring the names of a path into the cache. nil: that does not answer it.
  nonisolated(nonsending)
    private func bring<Result, C: Clock>(
      _ path: [UInt8], _ options: WalkOptions, until deadline: C.Instant?, _ clock: C,
      kept: (borrowing Node) -> Result?
    ) async throws(DcacheError) -> Result?
  {
    for _ in 0..<4 {
      do throws(DcacheError) {
        try await bringNames(
          of: path, followingLast: !options.contains(.noFollow), until: deadline, clock)
      } catch .unwatched {
        return nil
      }
      let (hit, isNamed) = try findCached(path.span, options, kept)
      if hit != nil || isNamed { return hit }
    }
    return nil
  }

  /// Goes along a path, as far as there is something. Only the cache's own walk can tell where it leads:
  /// what is gone by may be renamed meanwhile.
  nonisolated(nonsending)
    private func bringNames<C: Clock>(
      of path: [UInt8], followingLast: Bool, until deadline: C.Instant?, _ clock: C
    ) async throws(DcacheError)
  {
    var directory = cache.root.duplicate()
    var rest = Self.components(of: path, followingLast)
    var links = 0
    while let component = rest.popLast() {
      switch component.name {
      case [.dot]: continue
      case [.dot, .dot]:
        if directory != cache.root { directory = directory.parent() }
        continue
      default: break
      }
      let entry = try await bring(component.name, in: directory, until: deadline, clock)
      guard let node = entry.payload else { return }
      if let target = node.target {
        links += 1
        guard component.isFollowed, links <= 40 else { return }
        if target.first == slash { directory = cache.root.duplicate() }
        rest += Self.components(of: target, true)
      } else {
        guard node.kind == .directory else { return }
        directory = entry
      }
    }
  }

  nonisolated(nonsending)
    private func bring<C: Clock>(
      _ name: [UInt8], in directory: borrowing Dentry<Node>, until deadline: C.Instant?, _ clock: C
    ) async throws(DcacheError) -> Dentry<Node>
  {
    guard let node = directory.payload else { throw .noSuchFileOrDirectory }
    let (backend, pool) = (backend, pool)
    guard let deadline else {
      return try await cache.resolve(parent: directory, name: name) {
        name async throws(DcacheError) in
        try await backend.lookup(name, in: node, pool)
      }
    }
    return try await cache.resolve(parent: directory, name: name, until: deadline, clock: clock) {
      name async throws(DcacheError) in
      try await backend.lookup(name, in: node, pool)
    }
  }

  private struct Component {
    let name: [UInt8]
    let isFollowed: Bool
  }

  /// The last one first.
  private static func components(of path: [UInt8], _ followingLast: Bool) -> [Component] {
    let names = path.split(separator: slash)
    return names.enumerated().reversed().map { index, name in
      Component(
        name: Array(name),
        isFollowed: followingLast || index < names.count - 1 || path.last == slash)
    }
  }
}

extension HostBackend {
  /// Asked by tasks: in a thread of the pool. Where nobody tells of changes it fails.
  nonisolated(nonsending)
    fileprivate func lookup(
      _ name: [UInt8], in directory: Node, _ pool: HostPool
    ) async throws(DcacheError) -> LookupAnswer<Node>
  {
    // At hand: no reason to go to another thread.
    if directory.isWatched, let listing = directory.withState({ $0.listing }),
      !listing.contains(name.span)
    {
      return .absent
    }
    return answer(
      with: try await pool.run { () throws(DcacheError) in
        guard self.watch(directory) else { throw .unwatched }
        return try self.find(name.span, in: directory, isTold: true)
      })
  }
}
