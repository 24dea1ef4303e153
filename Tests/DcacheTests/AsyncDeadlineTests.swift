// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// Waiting to a point in time, of the machine's clock and of one that goes as the test wants.
@Suite(.timeLimit(.minutes(10))) struct AsyncDeadlineTests {
  let census = Census()
  let cache: Cache
  let root: Shared
  let clock = ManualClock()

  init() throws {
    cache = try makeCache(census)
    root = cache.sharedRoot
  }

  private func resolving(
    until deadline: ManualClock.Instant, cancellation: LookupCancellation = .handOver,
    _ backend:
      @escaping @Sendable (String) async throws(DcacheError) -> LookupAnswer<File>
  ) -> Task<Outcome, Never> {
    let (cache, root, clock) = (cache, root, clock)
    return Task {
      await outcome { () async throws(DcacheError) in
        try await cache.resolve(
          parent: root.dentry, name: "x", until: deadline, clock: clock, cancellation: cancellation,
          lookup: backend)
      }
    }
  }

  private func waiting(until deadline: ManualClock.Instant) -> Task<Outcome, Never> {
    resolving(until: deadline) { _ async throws(DcacheError) in throw .notSupported }
  }

  @Test func thatOfAWaiter() async throws {
    let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
    let early = waiting(until: clock.after(.seconds(1)))
    let late = waiting(until: clock.after(.seconds(3)))
    await suspend { clock.sleepers == 2 }
    clock.advance(by: .milliseconds(999))
    #expect(clock.sleepers == 2)
    clock.advance(by: .milliseconds(1))
    #expect(await early.value.failure == .timedOut)
    let entry = Shared(try token.addNegative())
    #expect(await late.value.entry == entry)
    // Its timer is gone, too.
    await suspend { clock.sleepers == 0 }
  }

  @Test func oneThatHasPassed() async throws {
    let past = ContinuousClock.now - .seconds(1)
    // Nobody to wait for: the lookup is the caller's.
    let token = try require(
      try await cache.allocParallel(parent: cache.root, name: "x", until: past).owned())
    let thrown = await outcome { () async throws(DcacheError) in
      try require(
        try await cache.allocParallel(parent: cache.root, name: "x", until: past).foundEntry(),
        .ioError)
    }
    #expect(thrown.failure == .timedOut)
    let entry = Shared(try token.addNegative())
    let hit = try await cache.resolve(parent: cache.root, name: "x", until: past) {
      _ async throws(DcacheError) in throw .ioError
    }
    expect(hit == entry.dentry)
    // There is no time to ask.
    let missed = await outcome { () async throws(DcacheError) in
      try await cache.resolve(parent: cache.root, name: "y", until: past) {
        _ async throws(DcacheError) in throw .ioError
      }
    }
    #expect(missed.failure == .timedOut)
    #expect(cache.statistics.inLookup == 0)
  }

  @Test func thatOfTheMachine() async throws {
    let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
    let deadline = ContinuousClock.now + .milliseconds(20)
    let outcome = await outcome { () async throws(DcacheError) in
      try await cache.resolve(parent: cache.root, name: "x", until: deadline) {
        _ async throws(DcacheError) in throw .notSupported
      }
    }
    #expect(outcome.failure == .timedOut)
    #expect(ContinuousClock.now >= deadline)
    token.abandon()
    let suspending = SuspendingClock.now + .milliseconds(20)
    let timed = await AsyncDeadlineTests.hanging(cache, until: suspending)
    #expect(timed.failure == .timedOut)
    #expect(SuspendingClock.now >= suspending)
    await cache.suspendUntilBare()
  }

  private static func hanging(_ cache: Cache, until: SuspendingClock.Instant) async -> Outcome {
    await outcome { () async throws(DcacheError) in
      try await cache.resolve(parent: cache.root, name: "x", until: until, clock: SuspendingClock())
      {
        _ in
        try? await Task.sleep(for: .seconds(1_000_000))
        return .absent
      }
    }
  }

  /// The backend hangs and heeds nothing: the call keeps its deadline all the same.
  @Test func thatOfAnOwnerWhoseBackendHangs() async throws {
    let (gate, census) = (AsyncGate(), census)
    let answered = Counter()
    let owner = resolving(until: clock.after(.seconds(1))) { _ in
      await gate.pass()
      answered.increment()
      return .found(File("late", census), kind: .regular)
    }
    await suspend { gate.count == 1 && clock.sleepers == 1 }
    let waiter = cache.waitingTask("x", in: root)
    await cache.suspendForWaiters(1)
    clock.advance(by: .seconds(1))
    #expect(await owner.value.failure == .timedOut)
    // Handed over.
    #expect(await waiter.value.failure == .notSupported)
    gate.open()
    await suspend { answered.value == 1 }
    await cache.suspendForPayloads(census, 1)
    expect(cache.misses("x", in: cache.root))
    await cache.suspendUntilBare()
  }

  @Test func thatOfAnOwnerFailsThem() async throws {
    let gate = AsyncGate()
    let owner = resolving(until: clock.after(.seconds(1)), cancellation: .fail) { _ in
      await gate.pass()
      return .absent
    }
    await suspend { gate.count == 1 && clock.sleepers == 1 }
    let waiter = cache.waitingTask("x", in: root)
    await cache.suspendForWaiters(1)
    clock.advance(by: .seconds(1))
    #expect(await owner.value.failure == .timedOut)
    #expect(await waiter.value.failure == .timedOut)
    gate.open()
  }

  /// Its task is cancelled, so one that heeds it ends.
  @Test func theBackendIsCancelled() async throws {
    let heeded = Gate()
    let owner = resolving(until: clock.after(.seconds(1))) { _ async throws(DcacheError) in
      while !Task.isCancelled { await Task.yield() }
      heeded.open()
      throw .interrupted
    }
    await suspend { clock.sleepers == 1 }
    clock.advance(by: .seconds(1))
    #expect(await owner.value.failure == .timedOut)
    await suspend { heeded.isOpen }
    await cache.suspendUntilBare()
  }

  @Test func anAnswerInTime() async throws {
    let census = census
    let owner = resolving(until: clock.after(.seconds(1))) { name in
      await Task.yield()
      return .found(File(name, census), kind: .regular)
    }
    #expect(await owner.value.entry?.dentry.payload?.label == "x")
    await suspend { clock.sleepers == 0 }
    let backend = AsyncStore(.small(census: census))
    let cache = try backend.cache()
    let entry = try await cache.resolve(
      parent: cache.root, name: "usr", until: clock.after(.seconds(1)), clock: clock)
    expect(entry.payload?.label == "/usr")
    let refused = await outcome { () async throws(DcacheError) in
      try await cache.resolve(parent: cache.root, name: "secret", until: .now + .seconds(600))
    }
    #expect(refused.failure == .permissionDenied)
  }

  /// Cancelled, with a deadline that does not come.
  @Test func cancelledBeforeIt() async throws {
    let gate = AsyncGate()
    let owner = resolving(until: clock.after(.seconds(1))) { _ in
      await gate.pass()
      return .absent
    }
    await suspend { gate.count == 1 && clock.sleepers == 1 }
    let waiter = waiting(until: clock.after(.seconds(1)))
    await suspend { clock.sleepers == 2 }
    waiter.cancel()
    #expect(await waiter.value.failure == .canceled)
    owner.cancel()
    #expect(await owner.value.failure == .canceled)
    await suspend { clock.sleepers == 0 }
    gate.open()
    await cache.suspendUntilBare()
  }

  /// While the stored spelling is being asked for.
  @Test func whileAddingTheAnswer() async throws {
    let census = census
    let stored = try require(try await cache.allocParallel(parent: cache.root, name: "X").owned())
    let owner = resolving(until: clock.after(.seconds(1))) { _ in
      .stored(name: [0x58], File("x", census), kind: .regular)
    }
    await cache.suspendForWaiters(1)
    await suspend { clock.sleepers == 1 }
    clock.advance(by: .seconds(1))
    #expect(await owner.value.failure == .timedOut)
    await cache.suspendForPayloads(census, 1)
    stored.abandon()
    await cache.suspendUntilBare()
  }

  /// The call keeps its deadline when the backend hangs that is asked about what is cached, too.
  @Test(arguments: [false, true]) func whileAskingAboutAnEntry(isCancelled: Bool) async throws {
    let doubt = AsyncGate()
    let backend = AsyncStore(.small(census: census), doubt: doubt, revalidates: true)
    let (cache, clock) = (try backend.cache(), clock)
    let entry = Shared(try await cache.resolve(parent: cache.root, name: "x"))
    let root = cache.sharedRoot
    let asking = Task {
      await outcome { () async throws(DcacheError) in
        try await cache.resolve(
          parent: root.dentry, name: "x", until: clock.after(.seconds(1)), clock: clock)
      }
    }
    await suspend { doubt.count == 1 && clock.sleepers == 1 }
    if isCancelled {
      asking.cancel()
    } else {
      clock.advance(by: .seconds(1))
    }
    #expect(await asking.value.failure == (isCancelled ? .canceled : .timedOut))
    // There is no time to ask at all; and it is still cached.
    let late = await outcome { () async throws(DcacheError) in
      try await cache.resolve(parent: root.dentry, name: "x", until: clock.now, clock: clock)
    }
    #expect(late.failure == .timedOut)
    expect(cache.finds("x", in: cache.root, as: entry.dentry))
    doubt.open()
    let found = try await cache.resolve(
      parent: cache.root, name: "x", until: clock.after(.seconds(1)), clock: clock)
    expect(found == entry.dentry)
    await suspend { clock.sleepers == 0 }
  }

  /// A clock that throws without being cancelled will never say that it is time.
  @Test func aClockThatFails() async throws {
    let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
    let outcome = await outcome { () async throws(DcacheError) in
      try await cache.resolve(
        parent: cache.root, name: "x", until: clock.after(.seconds(1)), clock: BrokenClock()
      ) { _ async throws(DcacheError) in throw .notSupported }
    }
    #expect(outcome.failure == .timedOut)
    token.abandon()
  }

  private struct BrokenClock: Clock {
    typealias Instant = ManualClock.Instant
    var now: Instant { Instant() }
    var minimumResolution: Duration { .zero }
    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
      throw DcacheError.ioError
    }
  }

  /// H20: the lookup ends, the deadline comes and the task is cancelled at once.
  @Test func allThreeAtOnce() async throws {
    for _ in 0..<100 {
      let before = cache.statistics.lookupsWaited
      let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
      let waiters = (0..<8).map { _ in waiting(until: clock.after(.seconds(1))) }
      await cache.suspendForWaiters(8, since: before)
      await suspend { clock.sleepers == 8 }
      let (handed, time) = (Handover(token), clock)
      async let ending: Void = handed.take()!.fail(.ioError)
      async let advancing: Void = time.advance(by: .seconds(1))
      async let cancelling: Void = waiters.forEach { $0.cancel() }
      _ = await (ending, advancing, cancelling)
      for waiter in waiters {
        let failure = await waiter.value.failure
        #expect(failure == .ioError || failure == .timedOut || failure == .canceled)
      }
      await suspend { clock.sleepers == 0 }
      await cache.suspendUntilBare()
    }
  }
}
