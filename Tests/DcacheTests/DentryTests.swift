// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

@Suite(.timeLimit(.minutes(10))) struct DentryTests {
  let census = Census()
  let cache: Cache

  init() throws {
    cache = try makeCache(census)
  }

  private func add(
    _ name: String, in parent: borrowing Entry, kind: InodeKind = .regular, number: UInt64 = 0
  ) throws -> Entry {
    try cache.own(name, in: parent).add(File(name, census), kind: kind, number: number)
  }

  @Test(arguments: InodeKind.allCases)
  func kinds(_ kind: InodeKind) throws {
    let entry = try add("x", in: cache.root, kind: kind, number: .max)
    expect(entry.kind == kind)
    expect(entry.isDirectory == (kind == .directory))
    expect(entry.inodeNumber == .max)
    let inode = try require(entry.inode)
    expect(inode.kind == kind)
    expect(inode.number == .max)
    expect(inode.payload === entry.payload)
  }

  @Test func aNegativeLeadsNowhere() throws {
    let entry = try cache.own("none", in: cache.root).addNegative()
    expect(entry.isNegative)
    expect(!entry.isPositive)
    expect(!entry.isDirectory)
    expect(entry.isHashed)
    expect(entry.payload == nil)
    expect(entry.inode == nil)
    expect(entry.kind == nil)
    expect(entry.inodeNumber == nil)
    expect(entry.path == "/none")
    expect(cache.statistics.negatives == 1)
  }

  @Test func paths() throws {
    let usr = try add("usr", in: cache.root, kind: .directory)
    let share = try add("share", in: usr, kind: .directory)
    let file = try add("file", in: share)
    expect(file.name == "file")
    expect(file.path == "/usr/share/file")
    expect(file.parent() == share)
    expect(file.parent().parent() == usr)
    expect(usr.parent() == cache.root)
  }

  @Test func aLongPath() throws {
    let name = String(repeating: "n", count: 200)
    var entry = cache.root.duplicate()
    for _ in 0..<50 { entry = try add(name, in: entry, kind: .directory) }
    expect(entry.path == String(repeating: "/" + name, count: 50))
  }

  @Test func lendsItsName() throws {
    let entry = try add("motd", in: cache.root)
    expect(entry.withNameBytes { $0.count } == 4)
    expect(
      error { () throws(DcacheError) in
        try entry.withNameBytes { _ throws(DcacheError) in throw .ioError }
      } == .ioError)
  }

  @Test func everyReferenceIsGivenBackOnce() throws {
    do {
      let entry = try add("x", in: cache.root)
      let second = entry.duplicate()
      expect(second == entry)
      expect(!(second != entry))
      do {
        let third = second.duplicate()
        expect(third.path == "/x")
      }
      // Three of them keep it; nothing frees what is in use.
      cache.shrink()
      expect(cache.finds("x", in: cache.root, as: entry))
    }
    expect(cache.statistics.unused == 1)
    expect(cache.isBare)
    expect(census.population == 1)
  }

  @Test func aDroppedEntryIsNotFound() throws {
    let entry = try add("x", in: cache.root)
    entry.drop()
    entry.drop()
    expect(!entry.isHashed)
    expect(entry.isPositive)
    expect(cache.misses("x", in: cache.root))

    try entry.rehash()
    expect(cache.finds("x", in: cache.root, as: entry))
    expect(error { () throws(DcacheError) in try entry.rehash() } == .fileExists)
    expect(error { () throws(DcacheError) in try cache.root.rehash() } == .invalidArgument)

    entry.drop()
    let second = try add("x", in: cache.root)
    expect(second != entry)
    expect(error { () throws(DcacheError) in try entry.rehash() } == .fileExists)
  }

  @Test func sharedEntries() throws {
    let shared = Shared(try add("x", in: cache.root))
    let again = Shared(try require(cache.lookup(parent: cache.root, name: "x")))
    let other = Shared(try add("y", in: cache.root))
    expect(shared == again)
    expect(shared !== again)
    expect(shared != other)
    expect(Set([shared, again, other]).count == 2)
    expect(concurrently(8) { _ in shared.dentry.path } == Array(repeating: "/x", count: 8))
  }

  @Test func hardLinks() throws {
    do {
      let inode = try cache.makeInode(File("file", census), kind: .regular, number: 3)
      let one = try cache.own("one", in: cache.root).add(inode.duplicate())
      let two = try cache.own("two", in: cache.root).splice(inode.duplicate())
      expect(one != two)
      expect(one.payload === two.payload)
      expect(one.inode! == inode)
      expect(cache.statistics.inodes == 2)
    }
    expect(cache.isBare)
    expect(census.population == 1)
    expect(census.births == 2)
  }

  @Test func aPayloadMayBeKept() throws {
    let payload: File
    do {
      payload = try require(try add("x", in: cache.root).payload)
    }
    expect(cache.isBare)
    expect(payload.label == "x")
    expect(census.population == 2)
  }
}
