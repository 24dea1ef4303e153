// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc
import Synchronization

/// A few threads that make calls of the host for tasks.
///
/// They are started when there is something to do and nobody is idle, up to a number, and end with
/// ``stop()``. What is asked for when all are busy waits for its turn.
final class HostPool: Sendable {
  private let queue: JobQueue

  init(threads: Int) {
    queue = JobQueue(maxThreads: threads)
  }

  /// Run `body` in one of the threads. If the task is cancelled, or the deadline passes, the call returns at
  /// once: what has not begun is not begun then, and what has is left to itself.
  nonisolated(nonsending)
    func run<Value: Sendable>(
      _ deadline: PoolDeadline? = nil, _ body: @escaping @Sendable () throws(DcacheError) -> Value
    ) async throws(DcacheError) -> Value
  {
    let handoff = Handoff<Result<Value, DcacheError>>()
    try queue.add {
      guard !handoff.isOver else { return }
      do throws(DcacheError) {
        handoff.offer(.success(try body()))
      } catch {
        handoff.offer(.failure(error))
      }
    }
    let timer = deadline.map { deadline in
      Task {
        if await deadline.hasPassed() { handoff.offer(.failure(.timedOut)) }
      }
    }
    defer { timer?.cancel() }
    let result = await withTaskCancellationHandler {
      await handoff.value()
    } onCancel: {
      handoff.offer(.failure(.canceled))
    }
    return try result.get()
  }

  /// The threads end when they have done what they are at; calls that are made later fail, and those that
  /// wait for their turn are still made.
  func stop() {
    queue.stop()
  }
}

/// A point in time of some clock.
struct PoolDeadline: Sendable {
  private let sleep: @Sendable () async throws -> Void

  init<C: Clock>(_ instant: C.Instant, _ clock: C) {
    sleep = { try await clock.sleep(until: instant, tolerance: nil) }
  }

  /// Wait for it. False: the task was cancelled before.
  func hasPassed() async -> Bool {
    do {
      try await sleep()
      return true
    } catch {
      return false
    }
  }
}

/// A value that one task waits for, and several offer: the first is taken.
private final class Handoff<Value: Sendable>: Sendable {
  private let isTaken = Atomic<Bool>(false)
  private let rendezvous = Rendezvous<Value>()

  var isOver: Bool { isTaken.load(ordering: .acquiring) }

  func offer(_ value: Value) {
    guard !isTaken.exchange(true, ordering: .acquiringAndReleasing) else { return }
    rendezvous.bring(value)
  }

  nonisolated(nonsending)
    func value() async -> Value
  {
    await rendezvous.value()
  }
}

/// What is to be done, and the threads that do it.
private final class JobQueue: @unchecked Sendable {
  // Sendable: all that varies is touched with the lock held only.
  private let monitor = Monitor()
  private let maxThreads: Int
  private var jobs: [@Sendable () -> Void] = []
  /// Those before it are done.
  private var first = 0
  private var threads = 0
  private var idle = 0
  private var isStopped = false

  init(maxThreads: Int) {
    self.maxThreads = maxThreads
  }

  func add(_ job: @escaping @Sendable () -> Void) throws(DcacheError) {
    monitor.lock()
    defer { monitor.unlock() }
    guard !isStopped else { throw DcacheError(rawValue: EBADF) }
    if idle < jobs.count - first + 1, threads < maxThreads {
      do throws(DcacheError) {
        // Detached: whoever lets go of the cache last may be one of them.
        try HostThread { self.work() }.detach()
        threads += 1
      } catch {
        if threads == 0 { throw error }
      }
    }
    jobs.append(job)
    monitor.signal()
  }

  func stop() {
    monitor.lock()
    isStopped = true
    monitor.broadcast()
    monitor.unlock()
  }

  private func work() {
    while let job = next() { job() }
  }

  private func next() -> (@Sendable () -> Void)? {
    monitor.lock()
    defer { monitor.unlock() }
    while first == jobs.count {
      if isStopped { return nil }
      idle += 1
      monitor.wait()
      idle -= 1
    }
    let job = jobs[first]
    jobs[first] = {}
    first += 1
    if first == jobs.count || first > 1024 {
      jobs.removeFirst(first)
      first = 0
    }
    return job
  }
}
