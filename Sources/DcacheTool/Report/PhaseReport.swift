// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache

/// What one phase came to, under the names that programs see.
struct PhaseReport: Sendable, Hashable, Codable {
  let name: Phase
  /// Different paths.
  let paths: Int
  /// Paths resolved by all threads together.
  let lookups: Int
  /// Names looked up for that: `hits` + `backendCalls` + `savedByWaiting`.
  let names: Int
  /// Names that were cached.
  let hits: Int
  /// Names that the backend was asked for.
  let backendCalls: Int
  /// Names that another thread was asking for, and that its answer served for.
  let savedByWaiting: Int
  /// Lookups that ended at nothing.
  let negatives: Int
  /// Lookups that ended in an error.
  let errors: Int
  /// Entries that the cache freed to make room.
  let evicted: Int
  /// Wrong answers.
  let wrong: Int
  /// Processor time for a lookup in the cache, in nanoseconds.
  let nsPerLookup: Double
  /// Processor time for the same by `fstatat(2)`.
  let statNsPerLookup: Double
  /// Time by the clock for a lookup in the cache, in nanoseconds.
  let elapsedNsPerLookup: Double
  /// Time by the clock for the same by `fstatat(2)`.
  let statElapsedNsPerLookup: Double

  /// The report of a phase, the cache's counters before and after it given.
  init(
    probes: ProbeSet, host: PassTally, cache: PassTally,
    before: CacheStatistics, after: CacheStatistics, wrong: Int
  ) {
    name = probes.phase
    paths = probes.count
    lookups = cache.lookups
    names = cache.counts.names
    backendCalls = cache.counts.backendCalls
    savedByWaiting = Int(after.outcomesShared - before.outcomesShared)
    hits = max(names - backendCalls - savedByWaiting, 0)
    negatives = cache.counts.negatives
    errors = cache.counts.errors
    evicted = Int(after.evicted - before.evicted)
    self.wrong = wrong
    nsPerLookup = cache.processorPerLookup
    statNsPerLookup = host.processorPerLookup
    elapsedNsPerLookup = cache.elapsedPerLookup
    statElapsedNsPerLookup = host.elapsedPerLookup
  }
}
