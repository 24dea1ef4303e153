// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// Inodes by number, and the entries of an inode.
@Suite(.timeLimit(.minutes(10))) struct InodeTests {
  let census = Census()
  let cache: Cache

  init() throws {
    cache = try makeCache(census)
  }

  // MARK: By number

  @Test func oneForANumber() throws {
    let calls = Counter()
    let first = try cache.inode(number: 7) { () throws(DcacheError) in
      calls.increment()
      return (File("seven", census), .regular)
    }
    let second = try cache.inode(number: 7) { () throws(DcacheError) in throw .ioError }
    let third = try require(cache.inode(number: 7))
    expect(first == second && second == third)
    expect(third.payload.label == "seven")
    expect(third.kind == .regular)
    expect(third.number == 7)
    #expect(calls.value == 1)
    let isUnknown =
      switch cache.inode(number: 8) {
      case .some: false
      case .none: true
      }
    expect(isUnknown)
  }

  @Test func othersAreNotFoundByNumber() throws {
    let made = try cache.makeInode(File("made", census), kind: .regular, number: 7)
    let numbered = try cache.inode(number: 7) { () in (File("numbered", census), .regular) }
    let isSame = made == numbered
    #expect(!isSame)
  }

  @Test func anewWhenTheLastReferenceHasGone() throws {
    for round in 0..<3 {
      let inode = try cache.inode(number: 7) { () in (File("\(round)", census), .regular) }
      expect(inode.payload.label == "\(round)")
    }
    expect(cache.isBare)
    #expect(census.population == 1)
  }

  @Test func failureIsTheMakers() throws {
    let thrown = error { () throws(DcacheError) in
      _ = try cache.inode(number: 7) { () throws(DcacheError) in throw .permissionDenied }
    }
    #expect(thrown == .permissionDenied)
    let inode = try cache.inode(number: 7) { () in (File("", census), .directory) }
    expect(inode.kind == .directory)
  }

  /// Many want one number: one makes it.
  @Test func oneMakesItForAll() throws {
    let cache = cache, census = census
    let calls = Counter()
    let asking = Counter()
    // All are held to the end: nobody comes when it has gone.
    let inodes = concurrently(32) { _ in
      asking.increment()
      return SharedInode(
        try! cache.inode(number: 7) { () in
          calls.increment()
          wait { asking.value == 32 }
          return (File("", census), .regular)
        })
    }
    #expect(calls.value == 1)
    #expect(Set(inodes.map { ObjectIdentifier($0.inode.payload) }).count == 1)
  }

  /// Of those who wait for one that fails, the next makes it.
  @Test func theNextOneTries() throws {
    let cache = cache, census = census
    let calls = Counter()
    let asking = Counter()
    let outcomes = concurrently(16) { _ in
      asking.increment()
      return error { () throws(DcacheError) in
        _ = try cache.inode(number: 7) { () throws(DcacheError) in
          wait { asking.value == 16 }
          guard calls.increment() > 3 else { throw .ioError }
          return (File("", census), .regular)
        }
      }
    }
    #expect(outcomes.count { $0 == .ioError } == 3)
    #expect(outcomes.count { $0 == nil } == 13)
    expect(cache.isBare)
  }

  /// Numbers come and go in many threads: there is never more than one of each.
  @Test func comingAndGoing() throws {
    let cache = cache, census = census
    let alive = (0..<4).map { _ in Counter() }
    let making = (0..<4).map { _ in Locked(0) }
    let failures = concurrently(8) { thread in
      var failures = 0
      for round in 0..<2_000 {
        let number = (thread + round) % 4
        let inode = try! cache.inode(number: UInt64(number)) { () in
          let isAlone = making[number].with { count in
            count += 1
            return count == 1
          }
          alive[number].increment()
          defer { making[number].with { $0 -= 1 } }
          return (File(isAlone ? "\(number)" : "two at once", census), .regular)
        }
        if inode.payload.label != "\(number)" { failures += 1 }
      }
      return failures
    }
    #expect(failures == Array(repeating: 0, count: 8))
    expect(cache.isBare)
    #expect(census.population == 1)
  }

  // MARK: Its entries

  @Test func entriesOfAFile() throws {
    let inode = try cache.makeInode(File("f", census), kind: .regular)
    expect(isNone(inode.entry()))
    expect(isNone(inode.anyEntry()))
    let one = try cache.own("one", in: cache.root).add(inode.duplicate())
    let two = try cache.own("two", in: cache.root).add(inode.duplicate())
    let found = try require(inode.entry())
    expect(found == one || found == two)
    one.drop()
    expect(try require(inode.entry()) == two)
    two.drop()
    expect(isNone(inode.entry()))
    expect(!isNone(inode.anyEntry()))
  }

  @Test func entryOfADirectory() throws {
    let inode = try cache.makeInode(File("d", census), kind: .directory)
    let entry = try cache.own("d", in: cache.root).add(inode.duplicate())
    entry.drop()
    expect(try require(inode.entry()) == entry)
  }

  @Test func prunesWhatIsUnused() throws {
    let inode = try cache.makeInode(File("f", census), kind: .regular)
    let used = try cache.own("used", in: cache.root).add(inode.duplicate())
    for name in ["a", "b", "c"] {
      _ = try cache.own(name, in: cache.root).add(inode.duplicate())
    }
    #expect(inode.pruneEntries() == 3)
    expect(cache.finds("used", in: cache.root, as: used))
    expect(cache.misses("a", in: cache.root))
  }

  private func isNone(_ entry: consuming Entry?) -> Bool {
    switch consume entry {
    case .some: false
    case .none: true
    }
  }
}

// MARK: - Reconnecting

extension InodeTests {
  /// A store of directories in one another, `/1/2/3`, whose names are `d1`, `d2`, `d3`.
  struct Deep: DirectoryBackend {
    let census: Census

    func lookup(
      _ name: Span<UInt8>, in directory: File
    ) throws(DcacheError) -> LookupAnswer<File> {
      let name = name.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
      guard let number = UInt64(name.dropFirst()), number == parent(directory) + 1 else {
        return .absent
      }
      return .numbered(number) { (File("\(number)", census), .directory) }
    }

    private func parent(_ directory: File) -> UInt64 { UInt64(directory.label) ?? 0 }
  }

  private func reconnect(
    _ entry: borrowing Entry, in cache: Cache, _ root: borrowing Inode<File>,
    name: (UInt64) throws(DcacheError) -> String = { number in "d\(number)" }
  ) -> DcacheError? {
    error { () throws(DcacheError) in
      try cache.reconnect(entry) { child throws(DcacheError) in
        if child.number == 1 { return root.duplicate() }
        let number = child.number - 1
        return try cache.inode(number: number) { () in (File("\(number)", census), .directory) }
      } name: { child, _ throws(DcacheError) in
        Array(try name(child.number).utf8)
      }
    }
  }

  private func disconnected(in cache: Cache) throws -> Entry {
    let entry = try cache.obtainAlias(
      of: cache.inode(number: 3) { () in (File("3", census), .directory) })
    expect(entry.isDisconnected)
    expect(entry.isRoot)
    return entry
  }

  @Test func findsItsPlace() throws {
    let cache = try Cache(root: File("0", census), backend: Deep(census: census))
    let root = try require(cache.root.inode)
    let entry = try disconnected(in: cache)
    #expect(reconnect(entry, in: cache, root) == nil)
    expect(!entry.isDisconnected)
    expect(entry.path == "/d1/d2/d3")
    expect(try cache.walk("d1/d2/d3") == entry)
    // Nothing to do any more.
    #expect(reconnect(entry, in: cache, root) { _ throws(DcacheError) in throw .ioError } == nil)
  }

  @Test func reconnectionFails() throws {
    let cache = try Cache(root: File("0", census), backend: Deep(census: census))
    let root = try require(cache.root.inode)
    let entry = try disconnected(in: cache)
    #expect(
      reconnect(entry, in: cache, root) { _ throws(DcacheError) in throw .ioError } == .ioError)
    let long = String(repeating: "n", count: 256)
    #expect(reconnect(entry, in: cache, root) { _ in long } == .fileNameTooLong)
    #expect(reconnect(entry, in: cache, root) { _ in "d9" } == .staleFileHandle)
    let lost = error { () throws(DcacheError) in
      try cache.reconnect(entry) { _ throws(DcacheError) in
        throw .permissionDenied
      } name: { _, _ in
        []
      }
    }
    #expect(lost == .permissionDenied)
    expect(entry.isDisconnected)
    // And then it does not.
    #expect(reconnect(entry, in: cache, root) == nil)
    expect(entry.path == "/d1/d2/d3")
  }

  @Test func reconnectionWithoutABackend() throws {
    let root = try require(cache.root.inode)
    let entry = try disconnected(in: cache)
    #expect(reconnect(entry, in: cache, root) == .notSupported)
    let other = try makeCache()
    #expect(reconnect(other.root, in: cache, root) == .improperLink)
  }

  @Test func reconnectionInManyThreads() throws {
    let census = census
    let cache = try Cache(root: File("0", census), backend: Deep(census: census))
    let entry = Shared(try disconnected(in: cache))
    let root = SharedInode(try require(cache.root.inode))
    let errors = concurrently(8) { _ in self.reconnect(entry.dentry, in: cache, root.inode) }
    #expect(errors == Array(repeating: nil, count: 8))
    expect(entry.dentry.path == "/d1/d2/d3")
  }

}

final class SharedInode: Sendable {
  let inode: Inode<File>
  init(_ inode: consuming Inode<File>) { self.inode = inode }
}
