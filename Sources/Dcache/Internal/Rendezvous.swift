// SPDX-License-Identifier: LGPL-2.1-or-later

import Synchronization

private enum RendezvousState {
  static let idle = 0
  static let waiting = 1
  static let done = 2
}

/// Where one task suspends until somebody, once, brings it something. Either may come first.
///
/// 1. `bring` is called at most once: who calls it has won a race that has one winner. So a continuation
///    is resumed once.
/// 2. Each side writes its own part and then exchanges the state. Who comes second sees the other's, and
///    it is that one who resumes or does not suspend.
package final class Rendezvous<Value: Sendable>: @unchecked Sendable {
  // Sendable: rule 2. An atomic and no lock, since the thread sanitizer does not know Swift's `Mutex`.
  private let state = Atomic<Int>(RendezvousState.idle)
  private var waiting: UnsafeContinuation<Value, Never>?
  private var brought: Value?

  package init() {}

  /// The value, once there is one. To be called once.
  nonisolated(nonsending)
    package func value() async -> Value
  {
    let value = await withUnsafeContinuation { continuation in
      waiting = continuation
      let (isFirst, _) = state.compareExchange(
        expected: RendezvousState.idle, desired: RendezvousState.waiting,
        ordering: .acquiringAndReleasing)
      if !isFirst { continuation.resume(returning: brought.unsafelyUnwrapped) }
    }
    // The runtime has handed it over; the thread sanitizer does not see that it has, but sees this.
    _ = state.load(ordering: .acquiring)
    return value
  }

  /// Rule 1.
  package func bring(_ value: Value) {
    brought = value
    let before = state.exchange(RendezvousState.done, ordering: .acquiringAndReleasing)
    precondition(before != RendezvousState.done, "two answers for one who waits")
    if before == RendezvousState.waiting { waiting.unsafelyUnwrapped.resume(returning: value) }
  }
}
