// SPDX-License-Identifier: LGPL-2.1-or-later

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
        // A clock throws when it is cancelled.
        return
      }
      body()
    }
  }
}
