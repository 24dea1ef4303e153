// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache

/// What the entries took when each path had been resolved for the first time.
struct MemoryReport: Sendable, Hashable, Codable {
  /// Entries, the root's included.
  var entries = 0
  /// What the cache says that it takes, its tables included, payloads not.
  var bytes = 0
  /// The same for an entry.
  var bytesPerEntry = 0
  /// How much the process grew, payloads included.
  var residentBytes = 0
  /// The same for an entry.
  var residentBytesPerEntry = 0

  init() {}

  /// From the cache's counters, and by how much the process has grown.
  init(_ statistics: CacheStatistics, residentGrowth: Int) {
    entries = Int(statistics.entries)
    bytes = Int(statistics.bytes)
    bytesPerEntry = bytes / max(entries, 1)
    residentBytes = max(residentGrowth, 0)
    residentBytesPerEntry = residentBytes / max(entries, 1)
  }
}
