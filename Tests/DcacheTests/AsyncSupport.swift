// SPDX-License-Identifier: LGPL-2.1-or-later

@_spi(CInterop) import Dcache
import Testing

typealias Outcome = Result<Shared, DcacheError>

/// Suspend until `condition` holds. There is no deadline: the suite's time limit is one.
func suspend(until condition: () -> Bool) async {
  // A test whose time is up is cancelled: it must not keep the others from a processor.
  while !condition(), !Task.isCancelled {
    try? await ContinuousClock().sleep(for: .microseconds(200))
  }
}

extension TestThread {
  /// Wait for it without blocking a thread of the pool, which may be needed for it to end.
  func joined() async -> Value {
    await suspend { hasEnded }
    return join()
  }
}

/// Opens once, for all tasks that wait; heeds no cancellation.
final class AsyncGate: Sendable {
  private struct State {
    var isOpen = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Locked(State())

  /// How many wait.
  var count: Int { state.with { $0.waiting.count } }

  func pass() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.with { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  func open() {
    let waiting = state.with { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}

/// Where a task may block: each part of it between two suspensions has a thread of its own.
actor BlockingActor {
  private final class Executor: SerialExecutor {
    let threads = Locked<[TestThread<Void>]>([])
    private let turn = Locked(())

    func enqueue(_ job: consuming ExecutorJob) {
      let job = UnownedJob(job)
      threads.with { threads in
        threads.append(
          TestThread {
            self.turn.with { _ in job.runSynchronously(on: self.asUnownedSerialExecutor()) }
          })
      }
    }
  }

  private let executor = Executor()

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  func run<Value: Sendable>(
    _ work: nonisolated(nonsending) @Sendable () async -> Value
  ) async -> Value { await work() }

  /// Wait for its threads, when it has nothing more to run.
  nonisolated func joined() async {
    let threads = executor.threads.with { threads in
      defer { threads = [] }
      return threads
    }
    for thread in threads { await thread.joined() }
  }
}

/// A clock that stands still until it is told to go on.
final class ManualClock: Clock {
  struct Instant: InstantProtocol {
    var offset = Duration.zero
    func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
    func duration(to other: Instant) -> Duration { other.offset - offset }
    static func < (lhs: Instant, rhs: Instant) -> Bool { lhs.offset < rhs.offset }
  }

  private struct State: ~Copyable {
    var now = Instant()
    var next = 0
    var sleepers: [Int: (Instant, CheckedContinuation<Void, any Error>)] = [:]
    var cancelled: Set<Int> = []
  }

  private let state = Locked(State())

  var now: Instant { state.with { $0.now } }
  var minimumResolution: Duration { .zero }
  var sleepers: Int { state.with { $0.sleepers.count } }

  func after(_ duration: Duration) -> Instant { now.advanced(by: duration) }

  func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    let id = state.with { state in
      state.next += 1
      return state.next
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let answer: Result<Void, any Error>? = state.with { state in
          if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
          if state.now >= deadline { return .success(()) }
          state.sleepers[id] = (deadline, continuation)
          return nil
        }
        if let answer { continuation.resume(with: answer) }
      }
    } onCancel: {
      let sleeper = state.with { state in
        let sleeper = state.sleepers.removeValue(forKey: id)
        if sleeper == nil { state.cancelled.insert(id) }
        return sleeper?.1
      }
      sleeper?.resume(throwing: CancellationError())
    }
  }

  func advance(by duration: Duration) {
    let due = state.with { state in
      state.now = state.now.advanced(by: duration)
      let now = state.now
      let due = state.sleepers.filter { $0.value.0 <= now }
      for id in due.keys { state.sleepers[id] = nil }
      return due.values.map(\.1)
    }
    for continuation in due { continuation.resume() }
  }
}

/// What resolving in a task came to.
func outcome(
  _ work: nonisolated(nonsending) () async throws(DcacheError) -> Entry
) async -> Outcome {
  do throws(DcacheError) {
    return .success(Shared(try await work()))
  } catch {
    return .failure(error)
  }
}

extension DentryCache<File> {
  /// A task that resolves a name of which it does not know the answer itself.
  func waitingTask(
    _ name: String, in parent: Shared, priority: TaskPriority? = nil
  ) -> Task<Outcome, Never> {
    Task(priority: priority) {
      await outcome { () async throws(DcacheError) in
        try await self.resolve(parent: parent.dentry, name: name) { _ throws(DcacheError) in
          throw .notSupported
        }
      }
    }
  }

  /// Suspend until `count` more than `before` have waited for a lookup.
  func suspendForWaiters(_ count: Int, since before: UInt64 = 0) async {
    await suspend { statistics.lookupsWaited >= before + UInt64(count) }
  }
}

extension DentryCache {
  /// Suspend until nothing is left but the root. A task that has ended holds what it got for a moment.
  func suspendUntilBare() async {
    await suspend { isBare }
  }

  /// Suspend until as many payloads are left.
  func suspendForPayloads(_ census: Census, _ count: Int) async {
    await suspend { census.population == count }
  }
}

/// A backend for tasks over a tree of paths, as ``Store`` is for threads. Each lookup passes `gate`, and
/// each question about an entry `doubt`, if there is one.
final class AsyncStore: AsyncDirectoryBackend {
  let store: Store
  let calls = Counter()
  let gate: AsyncGate?
  let doubt: AsyncGate?
  let revalidates: Bool

  init(
    _ store: Store, gate: AsyncGate? = nil, doubt: AsyncGate? = nil, revalidates: Bool = false
  ) {
    self.store = store
    self.gate = gate
    self.doubt = doubt
    self.revalidates = revalidates
  }

  func cache(options: CacheOptions = CacheOptions()) throws -> Cache {
    try Cache(root: File("/", store.census), options: options, backend: self)
  }

  func lookup(
    _ name: Span<UInt8>, in directory: File
  ) async throws(DcacheError) -> LookupAnswer<File> {
    calls.increment()
    await gate?.pass()
    return try store.lookup(name, in: directory)
  }

  func linkTarget(of link: File) async throws(DcacheError) -> [UInt8] {
    await Task.yield()
    return try store.linkTarget(of: link)
  }

  func revalidate(_ entry: borrowing Entry) async throws(DcacheError) -> Bool {
    await Task.yield()
    await doubt?.pass()
    return try store.revalidate(entry)
  }
}
