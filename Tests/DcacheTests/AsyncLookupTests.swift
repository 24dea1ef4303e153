// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc
import Testing

/// Tasks that look up: who asks, who waits, and what they get.
@Suite(.timeLimit(.minutes(10))) struct AsyncLookupTests {
  let census = Census()
  let cache: Cache
  let root: Shared
  let calls = Counter()

  init() throws {
    cache = try makeCache(census)
    root = cache.sharedRoot
  }

  /// `count` tasks that resolve "x" at once; the one that asks answers when all the others wait.
  private func resolve(
    _ count: Int, _ answer: @escaping @Sendable () throws(DcacheError) -> LookupAnswer<File>
  ) async -> [Outcome] {
    let (cache, root, calls) = (cache, root, calls)
    return await withTaskGroup { group in
      for _ in 0..<count {
        group.addTask {
          await outcome { () async throws(DcacheError) in
            try await cache.resolve(parent: root.dentry, name: "x") {
              _ async throws(DcacheError) in
              calls.increment()
              await cache.suspendForWaiters(count - 1)
              return try answer()
            }
          }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
  }

  @Test func aMissAndAHit() async throws {
    let entry = try await cache.resolve(parent: cache.root, name: "x") { [census] name in
      await Task.yield()
      return .found(File(name, census), kind: .regular, number: 7)
    }
    expect(entry.path == "/x")
    expect(entry.inodeNumber == 7)
    let hit = try await cache.resolve(parent: cache.root, name: "x") {
      _ async throws(DcacheError) in
      throw .ioError
    }
    expect(hit == entry)
    let found = try await cache.allocParallel(parent: cache.root, name: "x").foundEntry()
    expect(try require(found) == entry)
  }

  @Test func namesOfAllKinds() async throws {
    let bytes: [UInt8] = [0x78, 0xff]
    for _ in 0..<2 {
      expect(try await cache.resolve(parent: cache.root, name: bytes) { _ in .absent }.isNegative)
      let entry = try await cache.resolve(parent: cache.root, name: bytes.span) { name in
        await Task.yield()
        return name.count == 2 ? .absent : .found(File(), kind: .regular)
      }
      expect(entry.isNegative)
    }
    expect(cache.statistics.entries == 2)
  }

  /// H1: a thousand tasks, one cold name: one call of the backend.
  @Test func aThousandTasksOnOneName() async throws {
    let census = census
    let outcomes = await resolve(1000) { .found(File("x", census), kind: .regular) }
    #expect(calls.value == 1)
    #expect(Set(outcomes.compactMap(\.entry)).count == 1)
    #expect(outcomes.count == 1000 && outcomes.allSatisfy { $0.failure == nil })
    let statistics = cache.statistics
    #expect(statistics.lookupsStarted == 1)
    #expect(statistics.lookupsWaited == 999)
    #expect(statistics.outcomesShared == 999)
    #expect(census.births == 2)
  }

  /// H17: an answer that is overtaken is one for all who waited for it: they asked in time.
  @Test func anAnswerThatWasOvertakenIsShared() async throws {
    let (cache, census) = (cache, census)
    let outcomes = await resolve(16) { () throws(DcacheError) in
      try cache.invalidate(name: "x", in: cache.root)
      return .found(File("x", census), kind: .regular)
    }
    #expect(outcomes.allSatisfy { $0.entry?.dentry.payload?.label == "x" })
    #expect(Set(outcomes.compactMap(\.entry)).count == 1)
    #expect(calls.value == 1)
    #expect(outcomes[0].entry?.dentry.isStale == true)
  }

  /// H17: absence, an error, another spelling, and a directory that was elsewhere are shared as well.
  @Test func everyOutcomeIsShared() async throws {
    for outcome in await resolve(16, { .absent }) {
      #expect(outcome.entry?.dentry.isNegative == true)
    }
    #expect(calls.value == 1)
  }

  /// H17: one call, and its error for everybody.
  @Test func anErrorIsShared() async throws {
    for outcome in await resolve(16, { () throws(DcacheError) in throw .permissionDenied }) {
      #expect(outcome.failure == .permissionDenied)
    }
    #expect(calls.value == 1)
    // It is not remembered.
    await cache.suspendUntilBare()
  }

  @Test func anotherSpellingIsShared() async throws {
    let census = census
    let outcomes = await resolve(16) {
      .stored(name: Array("X".utf8), File("X", census), kind: .regular)
    }
    #expect(calls.value == 1)
    #expect(Set(outcomes.compactMap(\.entry)).count == 1)
    #expect(outcomes[0].entry?.dentry.path == "/X")
    expect(cache.misses("x", in: cache.root))
  }

  @Test func aDirectoryThatWasElsewhereIsShared() async throws {
    let inode = try cache.makeInode(File("d", census), kind: .directory)
    let first = Shared(try cache.own("first", in: cache.root).add(inode.duplicate()))
    let directory = SharedInode(inode)
    for outcome in await resolve(16, { .known(directory.inode.duplicate()) }) {
      #expect(outcome.entry == first)
    }
    #expect(first.dentry.path == "/x")
    #expect(calls.value == 1)
  }

  @Test func anObjectByItsNumber() async throws {
    let census = census
    for name in ["x", "y"] {
      let entry = try await cache.resolve(parent: cache.root, name: name) { _ in
        .numbered(5) { (File("#5", census), .regular) }
      }
      expect(entry.payload?.label == "#5")
    }
    #expect(census.births == 2)
    let outcome = await outcome { () async throws(DcacheError) in
      try await cache.resolve(parent: cache.root, name: "z") { _ in
        .numbered(6) { () throws(DcacheError) in throw .ioError }
      }
    }
    #expect(outcome.failure == .ioError)
    #expect(cache.statistics.inLookup == 0)
  }

  /// All are in their backends at once, on a pool of as many threads as there are processors.
  @Test func tenThousandTasksOnTenThousandNames() async throws {
    let count = 10_000
    let (cache, root, calls, census) = (cache, root, calls, census)
    let gate = AsyncGate()
    let right = await withTaskGroup { group in
      for index in 0..<count {
        group.addTask {
          let outcome = await outcome { () async throws(DcacheError) in
            try await cache.resolve(parent: root.dentry, name: "\(index)") { name in
              if calls.increment() == count { gate.open() }
              await gate.pass()
              return .found(File(name, census), kind: .regular, number: UInt64(index))
            }
          }
          return outcome.entry?.dentry.inodeNumber == UInt64(index)
            && outcome.entry?.dentry.name == "\(index)"
        }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(right == count)
    #expect(calls.value == count)
    #expect(cache.statistics.lookupsStarted == UInt64(count))
    #expect(cache.statistics.lookupsWaited == 0)
    await cache.suspendUntilBare()
    await cache.suspendForPayloads(census, 1)
  }

  /// Ten times as many waiters as the pool has threads. If they blocked it, the task that is to end what
  /// they wait for would not run.
  @Test func waitersDoNotBlockThePool() async throws {
    let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
    let count = 10 * sysconf(Int32(_SC_NPROCESSORS_ONLN))
    let waiters = (0..<count).map { _ in cache.waitingTask("x", in: root) }
    await cache.suspendForWaiters(count)
    let handed = Handover(token)
    let census = census
    let ending = Task {
      for _ in 0..<100 { await Task.yield() }
      return await outcome { () async throws(DcacheError) in
        try handed.take()!.add(File("x", census), kind: .regular)
      }
    }
    let entry = await ending.value.entry
    for waiter in waiters { #expect(await waiter.value.entry == entry) }
  }

  @Test func whatCannotBeLookedUp() async throws {
    let negative = try await cache.resolve(parent: cache.root, name: "negative") { _ in .absent }
    let regular = try await cache.resolve(parent: cache.root, name: "regular") { _ in
      .found(File(), kind: .regular)
    }
    let other = try makeCache()
    for (parent, name, expected) in [
      (Shared(negative), "x", DcacheError.noSuchFileOrDirectory),
      (Shared(regular), "x", .notDirectory),
      (root, "", .invalidArgument), (root, "a/b", .invalidArgument), (root, ".", .invalidArgument),
      (root, "..", .invalidArgument), (root, "a\0", .invalidArgument),
      (root, String(repeating: "n", count: 256), .fileNameTooLong),
      (other.sharedRoot, "x", .improperLink),
    ] {
      let resolved = await outcome { () async throws(DcacheError) in
        try await cache.resolve(parent: parent.dentry, name: name) { _ in .absent }
      }
      #expect(resolved.failure == expected, "\(name)")
      let timed = await outcome { () async throws(DcacheError) in
        try await cache.resolve(parent: parent.dentry, name: name, until: .now + .seconds(60)) {
          _ in .absent
        }
      }
      #expect(timed.failure == expected, "\(name)")
    }
  }

  @Test func aCompleteDirectoryAnswersItself() async throws {
    expect(
      try await AsyncLookupTests.listed(cache).resolve(parent: cache.root, name: "y") {
        _ async throws(DcacheError) in throw .ioError
      }.isNegative)
  }

  private static func listed(_ cache: Cache) throws -> Cache {
    try cache.list(cache.root) { listing throws(DcacheError) in
      try listing.add(name: "x", File(), kind: .regular)
    }
    return cache
  }

  // MARK: Owning a lookup

  @Test func aTokenIsEndedByAnotherThread() async throws {
    let (cache, root, census) = (cache, root, census)
    let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
    let handed = Handover(token)
    let ending = TestThread {
      // It has begun nothing, and may wait as any other would.
      let waiter = cache.waitingTask("x", in: root)
      cache.waitForWaiters(1)
      return (Shared(try! handed.take()!.add(File("there", census), kind: .regular)), waiter)
    }
    let (entry, waiter) = await ending.joined()
    #expect(await waiter.value.entry == entry)
  }

  /// Whatever thread it is in, the task may wait for a lookup that it began: somebody else ends it.
  @Test func theTaskThatBeganItMayWaitForIt() async throws {
    let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
    let (cache, handed) = (cache, Handover(token))
    let ending = Task {
      await cache.suspendForWaiters(1)
      handed.take()!.fail(.ioError)
    }
    let got = await outcome { () async throws(DcacheError) in
      try require(
        try await cache.allocParallel(parent: root.dentry, name: "x").foundEntry(), .timedOut)
    }
    #expect(got.failure == .ioError)
    await ending.value
    await cache.suspendUntilBare()
  }

  @Test func aForgottenTokenMakesAWaiterTheOwner() async throws {
    let (cache, root) = (cache, root)
    var token: InLookup<File>? = try await cache.allocParallel(parent: cache.root, name: "x")
      .owned()
    let waiter = Task {
      let isOwner = try await cache.allocParallel(parent: root.dentry, name: "x").owned() != nil
      return isOwner
    }
    await cache.suspendForWaiters(1)
    token = nil
    expect(token == nil)
    #expect(try await waiter.value)
    await cache.suspendUntilBare()
  }

  @Test func nowOrNotAtAll() async throws {
    let token = try require(try cache.allocParallelNow(parent: cache.root, name: "x").owned())
    let thrown = error { () throws(DcacheError) in
      _ = try cache.allocParallelNow(parent: cache.root, name: "x")
    }
    #expect(thrown == .wouldBlock)
    await Task.yield()
    let (handed, census) = (Handover(token), census)
    let entry = await TestThread {
      Shared(try! handed.take()!.add(File("x", census), kind: .regular))
    }.joined()
    let found = try cache.allocParallelNow(parent: cache.root, name: "x").foundEntry()
    expect(try require(found) == entry.dentry)
    let bad = error { () throws(DcacheError) in
      _ = try cache.allocParallelNow(parent: entry.dentry, name: "x")
    }
    #expect(bad == .notDirectory)
  }
}

extension AsyncLookupTests {
  /// It belongs to no thread: the one that began it may wait for it.
  @Test func nowAndForNoThread() async throws {
    let (cache, root, census) = (cache, root, census)
    let waited = await TestThread {
      let token = try! cache.allocParallelNow(parent: root.dentry, name: "x").owned()
      let handed = Handover(token!)
      let other = TestThread {
        cache.waitForWaiters(1)
        return Shared(try! handed.take()!.add(File("x", census), kind: .regular))
      }
      let failure = error { () throws(DcacheError) in
        _ = try cache.resolve(parent: root.dentry, name: "x", locking: .none) {
          _ throws(DcacheError) in throw .notSupported
        }
      }
      // Lets the other thread go on if this one was refused.
      if failure != nil { _ = cache.waitingTask("x", in: root) }
      _ = other.join()
      return failure
    }.joined()
    #expect(waited == nil)
  }

  @Test func aCompleteDirectoryIsNotAskedFor() async throws {
    let (cache, root) = (cache, root)
    let isComplete = await TestThread {
      try! cache.list(root.dentry) { _ throws(DcacheError) in }
    }.joined()
    #expect(isComplete)
    let entry = try await cache.resolve(parent: root.dentry, name: "x") { _ in
      calls.increment()
      return .found(File(), kind: .regular)
    }
    expect(entry.isNegative)
    #expect(calls.value == 0)
  }
}

/// The value, or the error that says that there is none.
func require<Value: ~Copyable>(
  _ value: consuming Value?, _ error: DcacheError
) throws(DcacheError) -> Value {
  guard let value = consume value else { throw error }
  return value
}
