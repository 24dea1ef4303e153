// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache

/// What `dcache stat` shows, under the names that programs see.
struct CounterReport: Sendable, Hashable, Codable, JSONReport {
  /// The directory, as it was given.
  let directory: String
  /// Paths below the directory.
  let paths: Int
  let threads: Int
  let maxEntries: Int
  /// The cache's, when all was resolved.
  let counters: CacheStatistics

  /// From the report of a resolved tree, and its cache's counters.
  init(_ report: ResolveReport, _ statistics: CacheStatistics) {
    directory = report.directory
    paths = report.paths
    threads = report.threads
    maxEntries = report.maxEntries
    counters = statistics
  }
}
