// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// The end of a cache, and what outlives it.
@Suite(.timeLimit(.minutes(10))) struct LifetimeTests {
  let census = Census()

  private func fill(_ cache: Cache) throws {
    for index in 0..<20 {
      let directory = try cache.resolve(parent: cache.root, name: "d\(index)") { _ in
        .found(File("", census), kind: .directory)
      }
      for index in 0..<20 {
        _ = try cache.resolve(parent: directory, name: "f\(index)") { _ in
          .found(File("", census), kind: .regular)
        }
        _ = try cache.resolve(parent: directory, name: "n\(index)") { _ in .absent }
      }
    }
  }

  @Test func aCacheTakesAllWithIt() throws {
    do {
      let cache = try makeCache(census)
      try fill(cache)
      expect(census.population == 421)
      expect(cache.statistics.entries == 821)
    }
    // The instance frees itself in the background.
    wait { census.population == 0 }
    expect(census.births == 421)
  }

  @Test func aCacheThatNeverHeldAnything() throws {
    for _ in 0..<20 { _ = try makeCache(census) }
    wait { census.population == 0 }
  }

  @Test func entriesOutliveTheirCache() throws {
    let entry: Entry
    do {
      let cache = try makeCache(census)
      try fill(cache)
      let directory = try require(cache.lookup(parent: cache.root, name: "d7"))
      entry = try require(cache.lookup(parent: directory, name: "f3"))
    }
    // It pins the directories above it; everything else goes.
    wait { census.population == 3 }
    expect(entry.path == "/d7/f3")
    expect(entry.isPositive)
    expect(entry.payload != nil)
    expect(entry.parent().parent().isRoot)
    let second = entry.duplicate()
    expect(second == entry)
    _ = consume entry
    expect(second.path == "/d7/f3")
    _ = consume second
    wait { census.population == 0 }
  }

  @Test func inodesOutliveTheirCache() throws {
    let inode: Inode<File>
    do {
      let cache = try makeCache(census)
      inode = try cache.makeInode(File("kept", census), kind: .regular)
    }
    wait { census.population == 1 }
    expect(inode.payload.label == "kept")
    _ = consume inode
    wait { census.population == 0 }
  }

  @Test func aLookupOutlivesItsCache() throws {
    var token: InLookup<File>?
    do {
      let cache = try makeCache(census)
      token = try cache.own("x", in: cache.root)
    }
    let entry = try token.take()!.add(File("x", census), kind: .regular)
    expect(entry.path == "/x")
    _ = consume entry
    wait { census.population == 0 }
  }

  @Test func payloadsOutliveTheirCache() throws {
    let payload: File
    do {
      let cache = try makeCache(census)
      payload = try #require(
        try cache.own("x", in: cache.root).add(File("x", census), kind: .regular).payload)
    }
    wait { census.population == 1 }
    expect(payload.label == "x")
  }

  /// A payload may refer to entries of its own cache: its deinit gives them back.
  @Test func aPayloadThatHoldsAnEntry() throws {
    final class Link: Sendable {
      let target: SharedDentry<Link>?
      let census: File
      init(_ target: SharedDentry<Link>?, _ census: File) {
        self.target = target
        self.census = census
      }
    }
    do {
      let cache = try DentryCache(root: Link(nil, File("", census)))
      var target = SharedDentry(cache.root.duplicate())
      for index in 0..<50 {
        target = SharedDentry(
          try cache.resolve(parent: cache.root, name: "\(index)") { _ in
            .found(Link(target, File("", census)), kind: .regular)
          })
      }
      expect(census.population == 51)
    }
    wait { census.population == 0 }
  }
}
