// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// Cancelling tasks that wait, tasks that ask, and all of them.
@Suite(.timeLimit(.minutes(10))) struct AsyncCancellationTests {
  let census = Census()
  let cache: Cache
  let root: Shared
  let calls = Counter()

  init() throws {
    cache = try makeCache(census)
    root = cache.sharedRoot
  }

  /// A task that asks a backend which heeds no cancellation: its answer comes when `gate` opens.
  private func asking(
    _ gate: AsyncGate, _ label: String, _ cancellation: LookupCancellation
  ) -> Task<Outcome, Never> {
    let (cache, root, calls, census) = (cache, root, calls, census)
    return Task {
      await outcome { () async throws(DcacheError) in
        try await cache.resolve(parent: root.dentry, name: "x", cancellation: cancellation) { _ in
          calls.increment()
          await gate.pass()
          return .found(File(label, census), kind: .regular)
        }
      }
    }
  }

  // MARK: Those who wait

  @Test func aWaiterAlone() async throws {
    let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
    let waiters = (0..<3).map { _ in cache.waitingTask("x", in: root) }
    await cache.suspendForWaiters(3)
    waiters[1].cancel()
    #expect(await waiters[1].value.failure == .canceled)
    #expect(cache.statistics.inLookup == 1)
    let entry = Shared(try token.addNegative())
    #expect(await waiters[0].value.entry == entry)
    #expect(await waiters[2].value.entry == entry)
    #expect(cache.statistics.lookupsStarted == 1)
  }

  @Test func allWaiters() async throws {
    let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
    let waiters = (0..<100).map { _ in cache.waitingTask("x", in: root) }
    await cache.suspendForWaiters(100)
    for waiter in waiters.reversed() { waiter.cancel() }
    for waiter in waiters { #expect(await waiter.value.failure == .canceled) }
    // Nobody is left to hand it over to.
    token.abandon()
    await cache.suspendUntilBare()
    await cache.suspendForPayloads(census, 1)
  }

  /// A task that was cancelled before gets what is cached, and does not begin anything.
  @Test func cancelledBefore() async throws {
    let entry = Shared(try await cache.resolve(parent: cache.root, name: "hit") { _ in .absent })
    let (cache, root, gate) = (cache, root, AsyncGate())
    let task = Task {
      await gate.pass()
      var outcomes: [Outcome] = []
      for name in ["hit", "miss"] {
        outcomes.append(
          await outcome { () async throws(DcacheError) in
            try await cache.resolve(parent: root.dentry, name: name) {
              _ async throws(DcacheError) in
              throw .ioError
            }
          })
      }
      return outcomes
    }
    task.cancel()
    gate.open()
    let outcomes = await task.value
    #expect(outcomes[0].entry == entry)
    #expect(outcomes[1].failure == .canceled)
    #expect(cache.statistics.lookupsStarted == 1)
  }

  // MARK: The one who asks

  /// H21: the backend hangs. One of those who wait asks in its turn, and all go on while it still hangs.
  @Test func theOwnerHandsOver() async throws {
    let (first, second) = (AsyncGate(), AsyncGate())
    let owner = asking(first, "first", .handOver)
    await suspend { first.count == 1 }
    var waiters = (0..<8).map { _ in asking(second, "second", .handOver) }
    await cache.suspendForWaiters(8)
    owner.cancel()
    await suspend { second.count == 1 }
    #expect(calls.value == 2)
    second.open()
    var entries: Set<Shared> = []
    for waiter in waiters { entries.insert(try await waiter.value.get()) }
    #expect(entries.count == 1)
    #expect(entries.first?.dentry.payload?.label == "second")
    #expect(calls.value == 2)
    // What it would have answered is let go of.
    first.open()
    #expect(await owner.value.failure == .canceled)
    expect(cache.finds("x", in: cache.root, as: entries.first!.dentry))
    (entries, waiters) = ([], [])
    await cache.suspendUntilBare()
    #expect(census.births == 3)
    await cache.suspendForPayloads(census, 1)
  }

  @Test func theOwnerFailsThem() async throws {
    let gate = AsyncGate()
    let owner = asking(gate, "first", .fail)
    await suspend { gate.count == 1 }
    let waiters = (0..<8).map { _ in cache.waitingTask("x", in: root) }
    await cache.suspendForWaiters(8)
    owner.cancel()
    for waiter in waiters { #expect(await waiter.value.failure == .canceled) }
    #expect(calls.value == 1)
    // A later caller asks afresh, while the first call still hangs.
    let entry = try await cache.resolve(parent: cache.root, name: "x") { _ in .absent }
    gate.open()
    #expect(await owner.value.failure == .canceled)
    expect(cache.finds("x", in: cache.root, as: entry))
  }

  @Test(arguments: [LookupCancellation.handOver, .fail])
  func theOwnerIsAlone(_ cancellation: LookupCancellation) async throws {
    let gate = AsyncGate()
    let owner = asking(gate, "first", cancellation)
    await suspend { gate.count == 1 }
    owner.cancel()
    await suspend { cache.statistics.inLookup == 0 }
    gate.open()
    #expect(await owner.value.failure == .canceled)
    await cache.suspendUntilBare()
  }

  /// A backend that heeds the cancellation throws because of it: nobody else's error. It learns of it by
  /// itself, before or after the lookup was handed over.
  @Test func theBackendHeedsIt() async throws {
    for _ in 0..<200 {
      let (cache, root, hasBegun) = (cache, root, Gate())
      let owner = Task {
        await outcome { () async throws(DcacheError) in
          try await cache.resolve(parent: root.dentry, name: "x") { _ async throws(DcacheError) in
            hasBegun.open()
            while !Task.isCancelled {
              for _ in 0..<10_000 where Task.isCancelled { break }
              await Task.yield()
            }
            throw .interrupted
          }
        }
      }
      await suspend { hasBegun.isOpen }
      let before = cache.statistics.lookupsWaited
      let waiter = cache.waitingTask("x", in: root)
      await cache.suspendForWaiters(1, since: before)
      owner.cancel()
      #expect(await owner.value.failure == .canceled)
      // It became the owner, and this is what its own backend says.
      #expect(await waiter.value.failure == .notSupported)
    }
  }

  /// The same, and the backend is the first to learn of it. The runtime marks a task as cancelled before it
  /// takes the lock under which it calls the task's handlers; whoever raises the task's priority holds that
  /// meanwhile.
  @Test func theBackendHeedsItFirst() async throws {
    let (cache, root, blocking) = (cache, root, BlockingActor())
    let (hasBegun, isRaising, hasRaised) = (Gate(), Gate(), Gate())
    let owner = Task(priority: .background) {
      await blocking.run {
        await withTaskPriorityEscalationHandler {
          await outcome { () async throws(DcacheError) in
            try await cache.resolve(parent: root.dentry, name: "x") { _ throws(DcacheError) in
              hasBegun.open()
              // Who suspends needs the lock as well.
              wait { Task.isCancelled }
              throw .interrupted
            }
          }
        } onPriorityEscalated: { _, _ in
          isRaising.open()
          hasRaised.pass()
        }
      }
    }
    await suspend { hasBegun.isOpen }
    // A thread: a task that waits would raise the owner itself.
    let waiter = cache.waiter("x", in: root)
    await cache.suspendForWaiters(1)
    let raising = TestThread { owner.escalatePriority(to: .high) }
    await suspend { isRaising.isOpen }
    let cancelling = TestThread { owner.cancel() }
    #expect(await waiter.joined().failure == .notSupported)
    #expect(!cancelling.hasEnded)
    hasRaised.open()
    await cancelling.joined()
    await raising.joined()
    #expect(await owner.value.failure == .canceled)
    await blocking.joined()
  }

  /// A task that is cancelled just when it has become the owner has nothing to ask for.
  @Test func cancelledBeforeItAsks() async throws {
    for turn in 1... {
      let (cache, root, calls, turns) = (cache, root, Counter(), Counter())
      let name = CancellingName(turns: turns, last: turn)
      let asking = Task {
        await outcome { () async throws(DcacheError) in
          try await cache.resolve(parent: root.dentry, name: name) { _ in
            calls.increment()
            return .absent
          }
        }
      }
      let failure = await asking.value.failure
      if turns.value < turn { break }
      #expect(failure == .canceled, "at use \(turn) of the name")
      #expect(calls.value == 0, "at use \(turn) of the name")
      #expect(cache.statistics.inLookup == 0)
      await cache.suspendUntilBare()
    }
  }

  /// Cancels the task that uses it, at the `last` use.
  private struct CancellingName: DentryName {
    let turns: Counter
    let last: Int

    func withNameBytes<Result: ~Copyable, Failure: Error>(
      _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      if turns.increment() == last { withUnsafeCurrentTask { $0?.cancel() } }
      return try "x".withNameBytes(body)
    }
  }

  /// A backend that is asked about an entry, and heeds the cancellation.
  @Test func whileAskingAboutAnEntry() async throws {
    let backend = Patient()
    let cache = try Cache(root: File(), backend: backend)
    let entry = Shared(try await cache.resolve(parent: cache.root, name: "x"))
    let root = cache.sharedRoot
    let asking = Task {
      await outcome { () async throws(DcacheError) in
        try await cache.resolve(parent: root.dentry, name: "x")
      }
    }
    await suspend { backend.hasBegun.isOpen }
    asking.cancel()
    #expect(await asking.value.failure == .canceled)
    expect(cache.finds("x", in: cache.root, as: entry.dentry))
  }

  private final class Patient: AsyncDirectoryBackend {
    let hasBegun = Gate()
    var revalidates: Bool { true }

    func lookup(
      _ name: Span<UInt8>, in directory: File
    ) async throws(DcacheError) -> LookupAnswer<File> { .absent }

    func revalidate(_ entry: borrowing Entry) async throws(DcacheError) -> Bool {
      hasBegun.open()
      while !Task.isCancelled { await Task.yield() }
      throw .interrupted
    }
  }

  /// The backend answers, and is cancelled by itself in that moment: whoever is first.
  @Test func theBackendAnswersAllTheSame() async throws {
    var answered = 0
    for _ in 0..<200 {
      let (cache, root, gate) = (cache, root, AsyncGate())
      let owner = asking(gate, "answer", .fail)
      await suspend { gate.count == 1 }
      let before = cache.statistics.lookupsWaited
      let waiter = cache.waitingTask("x", in: root)
      await cache.suspendForWaiters(1, since: before)
      async let opening: Void = gate.open()
      async let cancelling: Void = owner.cancel()
      _ = await (opening, cancelling)
      let (own, other) = (await owner.value, await waiter.value)
      // The same for both, whatever it is.
      #expect(own == other)
      if let entry = own.entry {
        answered += 1
        entry.dentry.drop()
      } else {
        #expect(own.failure == .canceled)
      }
    }
    await cache.suspendUntilBare()
    #expect(census.births == answered + 1 || census.births <= 201)
  }

  /// Threads and C wait for a task as well.
  @Test func aThreadTakesOver() async throws {
    let gate = AsyncGate()
    let owner = asking(gate, "first", .handOver)
    await suspend { gate.count == 1 }
    let waiter = cache.waiter("x", in: root)
    await cache.suspendForWaiters(1)
    owner.cancel()
    #expect(await waiter.joined().failure == .notSupported)
    gate.open()
    #expect(await owner.value.failure == .canceled)
  }

  /// The owner and all who wait, in random order: each ends, each as cancelled, and nothing is left.
  @Test(arguments: [LookupCancellation.handOver, .fail])
  func everybody(_ cancellation: LookupCancellation) async throws {
    let gate = AsyncGate()
    let tasks = (0..<200).map { _ in asking(gate, "", cancellation) }
    await cache.suspendForWaiters(199)
    for task in tasks.shuffled() { task.cancel() }
    await suspend { cache.statistics.inLookup == 0 }
    gate.open()
    for task in tasks { #expect(await task.value.failure == .canceled) }
    await cache.suspendUntilBare()
    await cache.suspendForPayloads(census, 1)
  }

  // MARK: Races

  /// H20: the lookup ends in the moment in which half of those who wait are cancelled: each of them gets one or
  /// the other, the other half gets the entry, and no reference is lost.
  @Test func cancellationsAgainstAWakeUp() async throws {
    for round in 0..<100 {
      try await wakeUp("\(round)")
      await cache.suspendUntilBare()
      await cache.suspendForPayloads(census, 1)
    }
  }

  private func wakeUp(_ label: String) async throws {
    let before = cache.statistics.lookupsWaited
    let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
    let waiters = (0..<32).map { _ in cache.waitingTask("x", in: root) }
    await cache.suspendForWaiters(32, since: before)
    let (handed, census) = (Handover(token), census)
    let ending = Task {
      try require(handed.take()).add(File(label, census), kind: .regular).payload?.label
    }
    async let cancelling: Void = waiters[..<16].shuffled().forEach { $0.cancel() }
    #expect(try await ending.value == label)
    await cancelling
    for (index, waiter) in waiters.enumerated() {
      let outcome = await waiter.value
      if index < 16, outcome.failure == .canceled { continue }
      #expect(outcome.entry?.dentry.payload?.label == label)
    }
  }

  /// The same where the lookup ends without an answer: one of those who are left becomes the owner.
  @Test func cancellationsAgainstAHandOver() async throws {
    for _ in 0..<100 {
      try await handOver()
      await cache.suspendUntilBare()
    }
  }

  private func handOver() async throws {
    let before = cache.statistics.lookupsWaited
    let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
    let askers = Locked<[Int]>([])
    let (cache, root) = (cache, root)
    let waiters = (0..<16).map { index in
      Task {
        await outcome { () async throws(DcacheError) in
          try await cache.resolve(parent: root.dentry, name: "x") { _ in
            askers.with { $0.append(index) }
            return .absent
          }
        }
      }
    }
    await cache.suspendForWaiters(16, since: before)
    let handed = Handover(token)
    async let ending: Void? = handed.take()?.abandon()
    async let cancelling: Void = waiters[..<8].shuffled().forEach { $0.cancel() }
    _ = await (ending, cancelling)
    var entries: Set<Shared> = []
    var cancelled: Set<Int> = []
    for (index, waiter) in waiters.enumerated() {
      let outcome = await waiter.value
      if index < 8, outcome.failure == .canceled {
        cancelled.insert(index)
      } else {
        entries.insert(try outcome.get())
      }
    }
    #expect(entries.count == 1)
    // Besides those who were cancelled while they asked, and handed it over once more.
    #expect(askers.with { $0.filter { !cancelled.contains($0) }.count } == 1)
  }

  // MARK: Another spelling

  @Test func waitingForTheStoredSpelling() async throws {
    let (cache, root, census) = (cache, root, census)
    let stored = try require(try await cache.allocParallel(parent: cache.root, name: "X").owned())
    var asked: Task<Outcome, Never>? = Task {
      await outcome { () async throws(DcacheError) in
        try await cache.resolve(parent: root.dentry, name: "x") { _ in
          .stored(name: [0x58], File("second", census), kind: .regular)
        }
      }
    }
    await cache.suspendForWaiters(1)
    var waiter: Task<Outcome, Never>? = cache.waitingTask("x", in: root)
    await cache.suspendForWaiters(2)
    var entry: Shared? = Shared(try stored.add(File("first", census), kind: .regular))
    var tasks = [asked, waiter]
    (asked, waiter) = (nil, nil)
    for task in tasks { #expect(await task?.value.entry == entry) }
    await cache.suspendForPayloads(census, 2)
    // No reference is left but those.
    (tasks, entry) = ([], nil)
    await cache.suspendUntilBare()
  }

  @Test(arguments: [LookupCancellation.handOver, .fail])
  func cancelledWhileWaitingForTheStoredSpelling(_ cancellation: LookupCancellation) async throws {
    let (cache, root, census) = (cache, root, census)
    let stored = try require(try await cache.allocParallel(parent: cache.root, name: "X").owned())
    let asked = Task {
      await outcome { () async throws(DcacheError) in
        try await cache.resolve(parent: root.dentry, name: "x", cancellation: cancellation) { _ in
          .stored(name: [0x58], File("second", census), kind: .regular)
        }
      }
    }
    await cache.suspendForWaiters(1)
    let waiter = cache.waitingTask("x", in: root)
    await cache.suspendForWaiters(2)
    asked.cancel()
    #expect(await asked.value.failure == .canceled)
    let expected = cancellation == .fail ? DcacheError.canceled : .notSupported
    #expect(await waiter.value.failure == expected)
    // The inode of the answer is gone, and the lookup of the stored spelling is not disturbed.
    await cache.suspendForPayloads(census, 1)
    let entry = try stored.add(File("first", census), kind: .regular)
    expect(cache.finds("X", in: cache.root, as: entry))
  }

  /// H15: two lookups that want each other's spelling.
  @Test func aCycleOfSpellings() async throws {
    let (cache, root, census) = (cache, root, census)
    let bothAsked = Counter()
    let gate = AsyncGate()
    let tasks = [("a", "b"), ("b", "a")].map { asked, stored in
      Task {
        await outcome { () async throws(DcacheError) in
          try await cache.resolve(parent: root.dentry, name: asked) { _ in
            if bothAsked.increment() == 2 { gate.open() }
            await gate.pass()
            return .stored(name: Array(stored.utf8), File("", census), kind: .regular)
          }
        }
      }
    }
    var failures: [DcacheError] = []
    for task in tasks { if let failure = await task.value.failure { failures.append(failure) } }
    #expect(failures == [.resourceDeadlockAvoided])
    #expect(cache.statistics.inLookup == 0)
  }
}

extension Result where Success == Shared, Failure == DcacheError {
  static func == (lhs: Self, rhs: Self) -> Bool {
    lhs.entry == rhs.entry && lhs.failure == rhs.failure
  }
}
