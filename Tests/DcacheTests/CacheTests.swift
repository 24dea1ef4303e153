// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

@Suite(.timeLimit(.minutes(10))) struct CacheTests {
  @Test func aNewCacheHoldsItsRoot() throws {
    let cache = try Cache(root: File("root"), number: 2)
    expect(cache.root.isRoot)
    expect(cache.root.isDirectory)
    expect(cache.root.isPositive)
    expect(!cache.root.isNegative)
    expect(!cache.root.isHashed)
    expect(cache.root.inodeNumber == 2)
    expect(cache.root.kind == .directory)
    expect(cache.root.payload?.label == "root")
    expect(cache.root.path == "/")
    expect(cache.root.parent() == cache.root)
    expect(cache.statistics.entries == 1)
    expect(cache.statistics.inodes == 1)
    expect(cache.isBare)
  }

  @Test(arguments: [
    CacheOptions(buckets: -1), CacheOptions(inLookupBuckets: -1), CacheOptions(maxEntries: -1),
    CacheOptions(buckets: 1 << 40), CacheOptions(inLookupBuckets: 1 << 30),
  ])
  func settingsOutOfRange(_ options: CacheOptions) {
    let census = Census()
    let thrown = error { () throws(DcacheError) in
      _ = try Cache(root: File("/", census), options: options)
    }
    expect(thrown == .invalidArgument)
    expect(census.population == 0)
  }

  @Test func settingsInRange() throws {
    let options = CacheOptions(buckets: 16, inLookupBuckets: 2, maxEntries: 10, seed: 7)
    let cache = try makeCache(options: options)
    for index in 0..<100 {
      _ = try cache.resolve(parent: cache.root, name: "file \(index)") { _ in
        .found(File(), kind: .regular)
      }
    }
    expect(cache.statistics.entries < 20)
    expect(cache.statistics.evicted >= 80)
    expect(cache.statistics.lookupsStarted == 100)
    expect(cache.isBare)
  }

  @Test func moreRoots() throws {
    let cache = try makeCache()
    let other = try cache.makeRoot(File("other"), number: 5, matching: .caseInsensitive)
    expect(other.isRoot)
    expect(other != cache.root)
    let entry = try cache.own("A", in: other).add(File(), kind: .regular)
    expect(cache.finds("a", in: other, as: entry))
    expect(cache.misses("A", in: cache.root))
  }

  @Test func shrinkFreesTheUnused() throws {
    let census = Census()
    let cache = try makeCache(census)
    let kept = try cache.own("kept", in: cache.root).add(File("", census), kind: .directory)
    for index in 0..<50 {
      _ = try cache.own("\(index)", in: kept).add(File("", census), kind: .regular)
    }
    expect(cache.statistics.unused == 50)
    expect(cache.shrink(0) == 0)
    expect(cache.shrink(-3) == 0)
    expect(cache.shrink(10) == 10)
    cache.barrier()
    expect(census.population == 42)
    let left = cache.settled()
    expect(left.entries == 2)
    expect(left.evicted == 50)
    expect(census.population == 2)
    expect(kept.isPositive)
  }

  @Test func twoCachesNeverMeet() throws {
    let one = try makeCache()
    let two = try makeCache()
    let inode = try two.makeInode(File(), kind: .regular)
    let token = try one.own("x", in: one.root)
    let thrown = error(consuming: token) { token throws(DcacheError) in
      _ = try token.add(inode.duplicate())
    }
    expect(thrown == .improperLink)
    let redirected = try one.own("y", in: one.root)
    expect(
      error(consuming: redirected) { token throws(DcacheError) in try token.redirect(to: two.root) }
        == .improperLink)
    _ = consume inode
    expect(one.isBare)
    expect(two.isBare)
  }

  @Test func aFileWithoutAName() throws {
    let census = Census()
    let cache = try makeCache(census)
    let inode = try cache.makeInode(File("handle", census), kind: .directory, number: 9)
    let entry = try cache.obtainAlias(of: inode.duplicate())
    expect(entry.isRoot)
    expect(entry.payload?.label == "handle")
    let again = try cache.obtainAlias(of: inode.duplicate())
    expect(again == entry)

    // It finds its place when it is looked up by name.
    let placed = try cache.own("placed", in: cache.root).splice(inode)
    expect(placed == entry)
    expect(entry.path == "/placed")
    expect(entry.parent() == cache.root)
  }

  @Test func aFileWithoutANameGoesWithItsLastReference() throws {
    let census = Census()
    let cache = try makeCache(census)
    do {
      let entry = try cache.obtainAlias(
        of: cache.makeInode(File("handle", census), kind: .regular))
      expect(entry.isPositive)
    }
    expect(cache.isBare)
    expect(census.population == 1)
  }
}
