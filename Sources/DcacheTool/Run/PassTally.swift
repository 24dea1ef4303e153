// SPDX-License-Identifier: LGPL-2.1-or-later

/// What one thread, or all of them together, did in one pass over the paths of a phase.
struct PassTally: Sendable, Hashable {
  /// Paths resolved.
  var lookups = 0
  /// How long that took.
  var time = Stopwatch()
  /// What happened in the cache; nothing if the host was asked.
  var counts = WalkCounts()

  /// The sum over threads.
  init(of tallies: [PassTally] = []) {
    for tally in tallies {
      lookups += tally.lookups
      time += tally.time
      counts += tally.counts
    }
  }

  /// Processor time for a lookup in nanoseconds, to a tenth.
  var processorPerLookup: Double { perLookup(time.processor) }

  /// Time by the clock for a lookup in nanoseconds, to a tenth.
  var elapsedPerLookup: Double { perLookup(time.elapsed) }

  private func perLookup(_ nanoseconds: Int64) -> Double {
    guard lookups > 0 else { return 0 }
    return (Double(nanoseconds) / Double(lookups) * 10).rounded() / 10
  }
}
