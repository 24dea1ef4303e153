// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache

/// The counters for people.
struct CounterTable {
  private let report: CounterReport

  private static let labelWidth = 28
  private static let valueWidth = 14

  init(_ report: CounterReport) {
    self.report = report
  }

  /// The lines, each with its end.
  var text: String {
    let name = printable(Array(report.directory.utf8))
    let heading = "\(name): \(report.paths) paths, \(report.threads) threads"
    let lines =
      [heading, ""] + Self.rows.map { line($0.label, report.counters[keyPath: $0.value]) }
    return lines.map { $0 + "\n" }.joined()
  }

  private static let rows:
    [(label: String, value: any KeyPath<CacheStatistics, UInt64> & Sendable)] = [
      ("entries", \.entries),
      ("  negative", \.negatives),
      ("  unused", \.unused),
      ("  being looked up", \.inLookup),
      ("  above a limit", \.overLimit),
      ("inodes", \.inodes),
      ("bytes", \.bytes),
      ("waiting to be put", \.pendingPuts),
      ("waiting to be freed", \.pendingFrees),
      ("  their bytes", \.pendingBytes),
      ("buckets", \.buckets),
      ("  of lookups under way", \.inLookupBuckets),
      ("resizes begun", \.resizes),
      ("entries inserted", \.inserted),
      ("entries evicted", \.evicted),
      ("renames", \.renames),
      ("lookups started", \.lookupsStarted),
      ("lookups waited for", \.lookupsWaited),
      ("  answered by waiting", \.outcomesShared),
      ("answered too late", \.overtaken),
    ]

  private func line(_ label: String, _ value: UInt64) -> String {
    padded(label, to: -Self.labelWidth) + " " + padded("\(value)", to: Self.valueWidth - 1)
  }
}
