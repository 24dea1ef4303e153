// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// Directories of which all names are cached.
@Suite(.timeLimit(.minutes(10))) struct ListingTests {
  let census = Census()
  let store: Store
  let cache: Cache
  let calls = Counter()

  init() throws {
    store = Store.small(census: census)
    cache = try store.cache()
  }

  private func list(
    _ names: [String], of directory: borrowing Entry
  ) throws(DcacheError) -> Bool {
    try cache.list(directory) { listing throws(DcacheError) in
      for name in names { try listing.add(name: name, File(name, census), kind: .regular) }
    }
  }

  private func resolve(_ name: String, in parent: borrowing Entry) throws -> Entry {
    try cache.resolve(parent: parent, name: name) { _ in
      calls.increment()
      return .absent
    }
  }

  @Test func answersWithoutTheBackend() throws {
    let usr = try cache.walk("usr")
    #expect(try list(["a", "b"], of: usr))
    expect(usr.isComplete)
    expect(try resolve("a", in: usr).payload?.label == "a")
    expect(try resolve("none", in: usr).isNegative)
    #expect(calls.value == 0)
    expect(try cache.resolve(parent: usr, name: "nothing").isNegative)
    let thrown = error { () throws(DcacheError) in _ = try cache.walk("usr/naught") }
    #expect(thrown == .noSuchFileOrDirectory)
    #expect(store.calls.value == 1)
  }

  @Test func anEmptyOne() throws {
    let usr = try cache.walk("usr")
    #expect(try list([], of: usr))
    expect(try resolve("x", in: usr).isNegative)
    #expect(calls.value == 0)
  }

  @Test func notComplete() throws {
    let usr = try cache.walk("usr")
    expect(!usr.isComplete)
    let thrown = error { () throws(DcacheError) in
      try cache.list(usr) { listing throws(DcacheError) in
        try listing.add(name: "a", File("a", census), kind: .regular)
        throw .ioError
      }
    }
    #expect(thrown == .ioError)
    expect(!usr.isComplete)
    expect(!cache.misses("a", in: usr))
    // A name that cannot be.
    let isComplete = try cache.list(usr) { listing throws(DcacheError) in
      let bad = error { () throws(DcacheError) in
        try listing.add(name: "a/b", File("", census), kind: .regular)
      }
      #expect(bad == .invalidArgument)
    }
    #expect(!isComplete)
    expect(!usr.isComplete)
  }

  @Test func noLongerComplete() throws {
    let usr = try cache.walk("usr")
    let endings: [@Sendable (Cache, borrowing Entry) throws -> Void] = [
      { _, usr in usr.clearComplete() },
      { _, usr in try usr.invalidateChildren() },
      { cache, usr in try cache.invalidate(name: "a", in: usr) },
      { cache, usr in try require(cache.lookup(parent: usr, name: "a")).drop() },
      { cache, _ in while cache.shrink() > 0 {} },
    ]
    for (index, end) in endings.enumerated() {
      _ = try list(["a", "b"], of: usr)
      expect(usr.isComplete)
      try end(cache, usr)
      expect(!usr.isComplete)
      _ = try resolve("none \(index)", in: usr)
      #expect(calls.value == index + 1, "ending \(index)")
    }
  }

  @Test func creatingAndDeletingKeepsIt() throws {
    let usr = try cache.walk("usr")
    _ = try list(["a", "b"], of: usr)
    try cache.withDirectoryLock(usr) { usr throws(DcacheError) in
      let c = try usr.create(name: "c", File("c", census), kind: .regular)
      try usr.delete(c)
      try usr.create(name: "d", File("d", census), kind: .regular)
    }
    let b = try require(cache.lookup(parent: usr, name: "b"))
    try cache.withDirectoryLock(usr) { usr throws(DcacheError) in
      try cache.move(b, onto: try usr.addNegative(name: "e"))
    }
    expect(usr.isComplete)
    for name in ["a", "d", "e"] { expect(try resolve(name, in: usr).isPositive) }
    for name in ["b", "c", "f"] { expect(try resolve(name, in: usr).isNegative) }
    #expect(calls.value == 0)
  }

  @Test func keepsWhatIsTheSame() throws {
    let usr = try cache.walk("usr")
    func list() throws -> Bool {
      try cache.list(usr) { listing throws(DcacheError) in
        try listing.add(name: "x", number: 12) { () in (File("x", census), .regular) }
      }
    }
    #expect(try list())
    let x = try require(cache.lookup(parent: usr, name: "x"))
    #expect(try list())
    expect(cache.finds("x", in: usr, as: x))
    let negative = try cache.own("y", in: usr).addNegative()
    #expect(
      try cache.list(usr) { listing throws(DcacheError) in
        let inode = try require(x.inode, or: .ioError)
        try listing.add(name: "x", inode.duplicate())
        try listing.add(name: "y", inode)
      })
    expect(cache.finds("x", in: usr, as: x))
    let y = try require(cache.lookup(parent: usr, name: "y"))
    expect(y.payload === x.payload)
    expect(y == negative || !negative.isHashed)
  }

  @Test func whatIsNoDirectory() throws {
    let x = try cache.walk("usr/lib/x")
    let file = error { () throws(DcacheError) in try cache.list(x) { _ in } }
    #expect(file == .notDirectory)
    let none = error { () throws(DcacheError) in
      try cache.list(try cache.walk("none", options: .create)) { _ in }
    }
    #expect(none == .noSuchFileOrDirectory)
  }

  /// A directory is listed while others resolve its names: no name is ever answered wrongly.
  @Test func listingDuringLookups() throws {
    let cache = cache, census = census
    let usr = Shared(try cache.walk("usr"))
    let names = (0..<50).map { "file \($0)" }
    let isOver = Gate()
    let lister = TestThread {
      var listings = 0
      while !isOver.isOpen {
        try! cache.list(usr.dentry) { listing throws(DcacheError) in
          for (number, name) in names.enumerated() {
            try listing.add(name: name, number: UInt64(1000 + number)) { () in
              (File(name, census), .regular)
            }
          }
        }
        cache.shrink(20)
        listings += 1
      }
      return listings
    }
    let wrong = concurrently(4) { _ in
      var wrong = 0
      for round in 0..<3_000 {
        let name = names[round % names.count]
        let found = try! cache.resolve(parent: usr.dentry, name: name) { _ in
          .numbered(UInt64(1000 + round % names.count)) { (File(name, census), .regular) }
        }
        if found.payload?.label != name { wrong += 1 }
        let none = try! cache.resolve(parent: usr.dentry, name: "none \(round % 7)") { _ in .absent
        }
        if none.isPositive { wrong += 1 }
      }
      return wrong
    }
    isOver.open()
    _ = lister.join()
    #expect(wrong == [0, 0, 0, 0])
  }
}

private func require<Value: ~Copyable>(
  _ value: consuming Value?, or error: DcacheError
) throws(DcacheError) -> Value {
  guard let value else { throw error }
  return value
}
