// SPDX-License-Identifier: LGPL-2.1-or-later

import Synchronization

/// A point in time of some clock, or none.
internal struct Deadline: Sendable {
  private let isOver: (@Sendable () -> Bool)?
  private let sleep: (@Sendable () async throws -> Void)?

  internal static var none: Deadline { Deadline() }

  private init() {
    isOver = nil
    sleep = nil
  }

  internal init<C: Clock>(_ instant: C.Instant, _ clock: C) {
    isOver = { clock.now >= instant }
    sleep = { try await clock.sleep(until: instant, tolerance: nil) }
  }

  internal var exists: Bool { sleep != nil }

  internal var hasPassed: Bool { isOver?() ?? false }

  /// Call `body` then, unless the task that is returned has been cancelled before. If it has passed, call
  /// it at once.
  internal func start(_ body: @escaping @Sendable () -> Void) -> Task<Void, Never>? {
    guard let sleep else { return nil }
    guard !hasPassed else {
      body()
      return nil
    }
    return Task {
      do {
        try await sleep()
      } catch {
        // A clock throws when it is cancelled. One that does without will not say when it is time: then it is.
        if Task.isCancelled { return }
      }
      body()
    }
  }
}

extension Deadline {
  /// Call `body` in a task of its own, which is cancelled and left to itself if the deadline or the
  /// cancellation of this task comes first.
  nonisolated(nonsending)
    internal func call<Value: Sendable>(
      _ body: @escaping @Sendable () async throws(DcacheError) -> Value
    ) async throws(DcacheError) -> Value
  {
    guard !hasPassed else { throw .timedOut }
    let race = Race<Result<Value, DcacheError>>()
    let call = Task {
      do throws(DcacheError) {
        race.bring(.success(try await body()))
      } catch {
        race.bring(.failure(error))
      }
    }
    @Sendable func stop(_ reason: DcacheError) {
      race.bring(.failure(reason))
      call.cancel()
    }
    let timer = start { stop(.timedOut) }
    defer { timer?.cancel() }
    return try await withTaskPriorityEscalationHandler {
      await withTaskCancellationHandler {
        await race.value()
      } onCancel: {
        stop(.canceled)
      }
    } onPriorityEscalated: { _, priority in
      call.escalatePriority(to: priority)
    }.get()
  }
}

/// A rendezvous with the first who comes.
private final class Race<Value: Sendable>: Sendable {
  private let isOver = Atomic<Bool>(false)
  private let answer = Rendezvous<Value>()

  nonisolated(nonsending)
    func value() async -> Value
  {
    await answer.value()
  }

  func bring(_ value: Value) {
    if !isOver.exchange(true, ordering: .relaxed) { answer.bring(value) }
  }
}
