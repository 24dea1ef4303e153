// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem
import Glibc

/// How long a thread took for something, in nanoseconds.
struct Stopwatch: Sendable, Hashable {
  /// On a processor, the kernel's part included, sleeping not.
  var processor: Int64 = 0
  /// By the clock.
  var elapsed: Int64 = 0

  /// Add how long `body` takes.
  mutating func measure(_ body: () -> Void) {
    let processorBefore = Self.read(CLOCK_THREAD_CPUTIME_ID)
    let elapsedBefore = Self.read(CLOCK_MONOTONIC)
    body()
    elapsed += Self.read(CLOCK_MONOTONIC) - elapsedBefore
    processor += Self.read(CLOCK_THREAD_CPUTIME_ID) - processorBefore
  }

  /// A clock's value in nanoseconds.
  static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return time.nanoseconds
  }

  static func += (total: inout Stopwatch, other: Stopwatch) {
    total.processor += other.processor
    total.elapsed += other.elapsed
  }
}
