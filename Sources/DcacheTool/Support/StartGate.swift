// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc
import Synchronization

/// Where threads wait until all of them are there.
final class StartGate: Sendable {
  private static let closed = 0
  private static let open = 1
  private static let refused = 2

  private let state = Atomic<Int>(closed)

  /// Wait for the gate to be opened. Returns false if nobody is to go on.
  func wait() -> Bool {
    while true {
      switch state.load(ordering: .acquiring) {
      case Self.open: return true
      case Self.refused: return false
      default: sched_yield()
      }
    }
  }

  /// Let those who wait go on, or home.
  func open(_ goOn: Bool) {
    state.store(goOn ? Self.open : Self.refused, ordering: .releasing)
  }
}
