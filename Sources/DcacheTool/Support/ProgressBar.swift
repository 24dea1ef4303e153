// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem
import Glibc
import Synchronization

/// A line on a terminal that says how far the work is. Whichever thread comes by after a tenth of a
/// second paints it anew; it needs no thread of its own.
final class ProgressBar: Sendable {
  private struct State {
    var label = ""
    var painted: Int64 = 0
    var isVisible = false
  }

  private let isEnabled: Bool
  private let total = Atomic<Int>(0)
  private let done = Atomic<Int>(0)
  private let state = Locked(State())

  private static let interval: Int64 = 100_000_000
  private static let width = 30

  /// One that is seen only if `isEnabled`.
  init(isEnabled: Bool) {
    self.isEnabled = isEnabled
  }

  /// Work of so many steps begins. 0: nobody knows how many.
  func begin(total: Int) {
    self.total.store(total, ordering: .relaxed)
    done.store(0, ordering: .relaxed)
  }

  /// What is being done now.
  func setLabel(_ label: String) {
    state.withLock { $0.label = label }
  }

  /// So many steps more have been done.
  func advance(by steps: Int) {
    guard isEnabled else { return }
    done.add(steps, ordering: .relaxed)
    state.withLockIfAvailable { state in
      let now = Stopwatch.read(CLOCK_MONOTONIC)
      guard now - state.painted >= Self.interval else { return }
      state.painted = now
      state.isVisible = true
      paint(line(state.label))
    }
  }

  /// Take the line away.
  func clear() {
    state.withLock { state in
      if state.isVisible { paint("") }
      state.isVisible = false
    }
  }

  private func line(_ label: String) -> String {
    let done = done.load(ordering: .relaxed)
    let total = total.load(ordering: .relaxed)
    guard total > 0 else { return "\(label): \(done)" }
    let share = Double(min(done, total)) / Double(total)
    let filled = Int(share * Double(Self.width))
    let bar =
      String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
    return "[\(bar)] \(Int(share * 100))% \(label)"
  }

  /// Put a line in the place of the last one.
  private func paint(_ line: String) {
    try? StandardStream.error.write("\r\u{1b}[K" + line)
  }
}
