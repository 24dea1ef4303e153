// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache

/// Checks of what can be counted in a phase.
///
/// A name of a directory is asked for once, no matter how many threads want it: there are as many
/// calls of the backend as there are names that the cache does not know yet. That holds unless
/// entries were evicted, files changed, or the backend failed: an error is not cached.
struct CountCheck {
  let before: CacheStatistics
  let after: CacheStatistics
  let tally: PassTally
  let probes: ProbeSet

  /// Make them, and give what is wrong to `checker`.
  func run(_ checker: Checker) {
    let isUndisturbed =
      after.evicted == 0 && tally.counts.errors == 0 && checker.changed + checker.vanished == 0
    guard isUndisturbed else { return }
    let started = Int(after.lookupsStarted - before.lookupsStarted)
    let entries = Int(after.entries) - Int(before.entries)
    expect(newNames, "new entries", entries, checker)
    guard probes.phase != .wrongCase else { return }
    expect(newNames, "calls of the backend", tally.counts.backendCalls, checker)
    expect(newNames, "lookups that the cache started", started, checker)
  }

  /// How many names the cache did not know before.
  private var newNames: Int {
    switch probes.phase {
    case .cold, .missing: probes.count
    case .warm, .wrongCase: 0
    }
  }

  private func expect(_ expected: Int, _ what: String, _ got: Int, _ checker: Checker) {
    guard got != expected else { return }
    checker.add(
      WrongAnswer(
        phase: probes.phase, path: "(number of \(what))", expected: "\(expected)", got: "\(got)"))
  }
}
