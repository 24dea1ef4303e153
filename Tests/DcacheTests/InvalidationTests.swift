// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// Entries that are no longer true, or not for long. Times are zero or for ever, so that nothing depends
/// on how fast the machine is; where one must pass, it is waited for.
@Suite(.timeLimit(.minutes(10))) struct InvalidationTests {
  let census = Census()
  let cache: Cache
  let calls = Counter()

  init() throws {
    cache = try makeCache(census)
  }

  private func resolve(
    _ name: String, in parent: borrowing Entry, kind: InodeKind = .directory
  ) throws(DcacheError) -> Entry {
    try cache.resolve(parent: parent, name: name) { name in
      calls.increment()
      return .found(File(name, census), kind: kind)
    }
  }

  @Test func anEntryAndAllBelow() throws {
    let a = try resolve("a", in: cache.root)
    let b = try resolve("b", in: a)
    _ = try resolve("unused", in: b)
    let c = try resolve("c", in: b)
    try a.invalidate()
    expect(!a.isHashed && a.isPositive)
    expect(cache.misses("a", in: cache.root))
    expect(c.payload?.label == "c")
    expect(cache.misses("unused", in: b))
    let again = try resolve("a", in: cache.root)
    expect(again != a)
  }

  @Test func inTheBackground() throws {
    do {
      let a = try resolve("a", in: cache.root)
      for name in 0..<1000 { _ = try resolve("\(name)", in: a, kind: .regular) }
      a.invalidateInBackground()
      expect(!a.isHashed)
      expect(cache.misses("a", in: cache.root))
    }
    wait { cache.statistics.entries == 1 }
    expect(cache.isBare)
    #expect(census.population == 1)
  }

  @Test func everyNameOfAnObject() throws {
    let inode = try cache.makeInode(File("", census), kind: .regular)
    let one = try cache.own("one", in: cache.root).add(inode.duplicate())
    let two = try cache.own("two", in: cache.root).add(inode.duplicate())
    let other = try resolve("other", in: cache.root)
    try cache.invalidate(inode)
    expect(!one.isHashed && !two.isHashed && other.isHashed)
  }

  @Test func oneName() throws {
    let entry = try resolve("x", in: cache.root)
    try cache.invalidate(name: "x", in: cache.root)
    expect(!entry.isHashed)
    _ = try cache.own("none", in: cache.root).addNegative()
    try cache.invalidate(name: "none", in: cache.root)
    expect(cache.misses("none", in: cache.root))
    try cache.invalidate(name: "not cached", in: cache.root)
    for (name, thrown) in [
      ("", DcacheError.invalidArgument), ("a/b", .invalidArgument),
      (String(repeating: "n", count: 256), .fileNameTooLong),
    ] {
      let error = error { () throws(DcacheError) in
        try cache.invalidate(name: name, in: cache.root)
      }
      #expect(error == thrown)
    }
  }

  /// H22: the owner learns of it, before and after it has answered; the owner of the next name does not.
  @Test func anOwnerLearnsThatItsLookupWasOvertaken() throws {
    guard case .pending(let late) = try cache.allocParallel(parent: cache.root, name: "late"),
      case .pending(let neighbour) = try cache.allocParallel(parent: cache.root, name: "neighbour")
    else {
      Issue.record("nobody asks yet")
      return
    }
    expect(!late.isOvertaken)
    try cache.invalidate(name: "late", in: cache.root)
    expect(late.isOvertaken && !neighbour.isOvertaken)
    let entry = try late.add(File("late", census), kind: .regular)
    expect(entry.isOvertaken && !entry.isHashed && entry.payload?.label == "late")
    let other = try neighbour.add(File("neighbour", census), kind: .regular)
    expect(!other.isOvertaken && other.isHashed)
    expect(cache.misses("late", in: cache.root))
    expect(cache.statistics.overtaken == 1)
  }

  @Test func allNamesOfADirectory() throws {
    let directory = try resolve("d", in: cache.root)
    let one = try resolve("one", in: directory, kind: .regular)
    let other = try resolve("other", in: cache.root)
    #expect(calls.value == 3)
    try directory.invalidateChildren()
    expect(one.isStale && !directory.isStale && !other.isStale)
    let again = try resolve("one", in: directory, kind: .regular)
    expect(again != one && !one.isHashed && !again.isStale)
    #expect(calls.value == 4)
    expect(try resolve("one", in: directory) == again)
    #expect(calls.value == 4)
    let file = error { () throws(DcacheError) in try one.invalidateChildren() }
    #expect(file == .notDirectory)
    let negative = try cache.own("none", in: cache.root).addNegative()
    let none = error { () throws(DcacheError) in try negative.invalidateChildren() }
    #expect(none == .noSuchFileOrDirectory)
  }

  // MARK: Time to live

  @Test func forNoTime() throws {
    let entry = try resolve("x", in: cache.root)
    expect(!entry.isStale)
    entry.setTimeToLive(.zero)
    expect(entry.isStale)
    // What is cached is found all the same, by those who ask for no more.
    expect(cache.finds("x", in: cache.root, as: entry))
    entry.setTimeToLive(.seconds(-1))
    expect(entry.isStale)
    entry.setTimeToLive(.seconds(1_000_000))
    expect(!entry.isStale)
    entry.setTimeToLive(.zero)
    entry.setTimeToLive(nil)
    expect(!entry.isStale)
    entry.setTimeToLive(.zero)
    expect(try !cache.revalidate(entry))
    expect(!entry.isHashed)
  }

  @Test func aShortTime() throws {
    let entry = try resolve("x", in: cache.root)
    entry.setTimeToLive(.milliseconds(2))
    wait { entry.isStale }
    let again = try resolve("x", in: cache.root)
    expect(again != entry)
    #expect(calls.value == 2)
  }

  @Test func ofPositiveAndOfNegative() throws {
    let day = Duration.seconds(86_400)
    for (positive, negative) in [(day, .nanoseconds(1)), (.nanoseconds(1), day), (nil, nil)]
      as [(Duration?, Duration?)]
    {
      let cache = try makeCache(
        options: CacheOptions(positiveTimeToLive: positive, negativeTimeToLive: negative))
      let some = try cache.own("some", in: cache.root).add(File(), kind: .regular)
      let none = try cache.own("none", in: cache.root).addNegative()
      if positive == .nanoseconds(1) { wait { some.isStale } }
      if negative == .nanoseconds(1) { wait { none.isStale } }
      expect(some.isStale == (positive == .nanoseconds(1)))
      expect(none.isStale == (negative == .nanoseconds(1)))
    }
  }

  /// A stale entry is asked for again: once for each call, not without end.
  @Test func resolvingWhatIsAlwaysStale() throws {
    for round in 1...5 {
      let entry = try resolve("x", in: cache.root)
      entry.setTimeToLive(.zero)
      #expect(calls.value == round)
    }
  }

  @Test func resolvingWhatTheOwnerMadeStale() throws {
    let cache = cache, calls = calls
    let root = cache.sharedRoot
    let found = concurrently(16) { _ in
      var found = 0
      for _ in 0..<500 {
        let entry = try! cache.resolve(parent: root.dentry, name: "x") { name in
          calls.increment()
          return .found(File(name), kind: .regular)
        }
        entry.setTimeToLive(.zero)
        if entry.isPositive { found += 1 }
      }
      return found
    }
    #expect(found == Array(repeating: 500, count: 16))
    // Some share an answer, but none is older than the call that it answers.
    #expect(calls.value >= 500)
    expect(cache.isBare)
  }

  @Test func walkingThroughWhatIsStale() throws {
    let store = Store.small()
    let cache = try store.cache()
    _ = try cache.walk("usr/lib/x")
    let usr = try cache.walk("usr")
    try usr.invalidateChildren()
    let seen = try cache.withReadLock { section throws(DcacheError) in
      try section.walk("usr/lib/x", root: cache.root) { _ in true }
    }
    expect(seen == nil)
    _ = try cache.walk("usr/lib/x")
    // `lib` anew, and so `x` in it.
    #expect(store.calls.value == 5)
    try cache.walk("usr/lib/x").invalidate()
    _ = try cache.walk("usr/lib/x")
    #expect(store.calls.value == 6)
  }
}

extension InvalidationTests {
  /// Knows of each name how long it is true.
  private struct Brief: DirectoryBackend {
    let calls = Counter()

    func lookup(
      _ name: Span<UInt8>, in directory: File
    ) throws(DcacheError) -> LookupAnswer<File> { .absent }

    func lookup(
      _ name: Span<UInt8>, in directory: File, timeToLive: inout Duration?
    ) throws(DcacheError) -> LookupAnswer<File> {
      calls.increment()
      expect(timeToLive == nil)
      switch name[1] {
      case UInt8(ascii: "0"): timeToLive = .zero
      case UInt8(ascii: "1"): timeToLive = .seconds(3600)
      default: break
      }
      return name[0] == UInt8(ascii: "a")
        ? .absent : .found(File(), kind: .regular)
    }
  }

  @Test(arguments: ["a", "f"])
  func aTimeOfTheAnswersOwn(kind: String) throws {
    let backend = Brief()
    let cache = try Cache(root: File("/"), backend: backend)
    for (time, asked) in [("0", 3), ("1", 1), ("-", 1)] {
      let before = backend.calls.value
      for _ in 0..<3 {
        let entry = try cache.resolve(parent: cache.root, name: kind + time)
        expect(entry.isStale == (time == "0"))
      }
      #expect(backend.calls.value == before + asked)
    }
  }
}
