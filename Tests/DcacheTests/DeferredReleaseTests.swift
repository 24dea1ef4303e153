// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// References that are given back in the background.
@Suite(.timeLimit(.minutes(10))) struct DeferredReleaseTests {
  let census = Census()

  private func add(_ name: String, to cache: Cache) throws -> Entry {
    try cache.resolve(parent: cache.root, name: name) { _ in
      .found(File(name, census), kind: .regular)
    }
  }

  @Test func theLastReferenceOfADroppedEntry() throws {
    let cache = try makeCache(census)
    let entry = try add("f", to: cache)
    entry.drop()
    entry.releaseDeferred()
    wait { census.population == 1 }
    wait { cache.statistics.pendingPuts == 0 }
    expect(cache.isBare)
  }

  @Test func aReachableEntryStays() throws {
    let cache = try makeCache(census)
    let entry = try add("f", to: cache)
    let other = entry.duplicate()
    other.releaseDeferred()
    expect(entry.payload?.label == "f")
    entry.releaseDeferred()
    let found = try require(cache.lookup(parent: cache.root, name: "f"))
    expect(found.payload?.label == "f")
    expect(cache.statistics.pendingPuts == 0)
    expect(census.population == 2)
  }

  @Test func anInode() throws {
    let cache = try makeCache(census)
    let inode = try cache.inode(number: 7) { () in (File("seven", census), .regular) }
    inode.duplicate().releaseDeferred()
    expect(inode.payload.label == "seven")
    inode.releaseDeferred()
    wait { census.population == 1 }
    // It is asked for again.
    let again = try cache.inode(number: 7) { () in (File("again", census), .regular) }
    expect(again.payload.label == "again")
    again.releaseDeferred()
    cache.barrier()
    expect(census.population == 1)
    expect(cache.isBare)
  }

  @Test func aBarrierWaitsForThem() throws {
    let cache = try makeCache(census)
    for round in 1...5 {
      for index in 0..<200 {
        let entry = try add("\(index)", to: cache)
        entry.drop()
        entry.releaseDeferred()
        try cache.makeInode(File("i", census), kind: .regular).releaseDeferred()
      }
      cache.barrier()
      expect(census.population == 1)
      expect(census.births == 1 + 400 * round)
      expect(cache.statistics.pendingPuts == 0)
    }
  }

  @Test func theyOutliveTheirCache() throws {
    let entry: Entry
    let inode: Inode<File>
    do {
      let cache = try makeCache(census)
      entry = try add("f", to: cache)
      inode = try cache.makeInode(File("i", census), kind: .regular)
    }
    wait { census.population == 3 }
    inode.releaseDeferred()
    wait { census.population == 2 }
    entry.releaseDeferred()
    wait { census.population == 0 }
  }

  /// A payload whose `deinit` lets go of an entry, and takes a lock that is held where the payload's own
  /// entry is let go of.
  final class Holder: Sendable {
    let lock: Locked<Int>
    let held: SharedDentry<Holder>?

    init(_ lock: Locked<Int>, _ held: SharedDentry<Holder>? = nil) {
      self.lock = lock
      self.held = held
    }

    deinit {
      lock.with { $0 += 1 }
    }
  }

  @Test func withALockThatADeinitTakes() throws {
    let lock = Locked(0)
    let cache = try DentryCache<Holder>(root: Holder(lock), options: CacheOptions())
    for _ in 0..<200 {
      let inner = try cache.resolve(parent: cache.root, name: "inner") { _ in
        .found(Holder(lock), kind: .regular)
      }
      inner.drop()
      let outer = try cache.resolve(parent: cache.root, name: "outer") { _ in
        .found(Holder(lock, SharedDentry(inner.duplicate())), kind: .regular)
      }
      outer.drop()
      let entries = Entries(outer, inner)
      lock.with { _ in entries.release() }
    }
    wait { lock.with { $0 } == 400 }
  }

  /// What a closure may consume.
  private final class Entries {
    private var outer: Dentry<Holder>?
    private var inner: Dentry<Holder>?

    init(_ outer: consuming Dentry<Holder>, _ inner: consuming Dentry<Holder>) {
      self.outer = consume outer
      self.inner = consume inner
    }

    func release() {
      outer.take()?.releaseDeferred()
      inner.take()?.releaseDeferred()
    }
  }
}
