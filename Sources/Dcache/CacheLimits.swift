// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// What a cache may keep, `struct dcache_limits`: see ``DentryCache/setLimits(_:)``.
///
/// Limits hold for what is unused. Entries in use, and the directories above them, are never freed;
/// what exceeds a limit because of them is ``CacheStatistics/overLimit``.
public struct CacheLimits: Sendable, Hashable {
  /// Entries. 0: no limit.
  public var maxEntries: Int

  /// Of these, those that are known not to exist. 0: no limit.
  public var maxNegatives: Int

  /// Memory of the cache in bytes, its tables included, payloads not; 1 MiB at least. 0: no limit.
  public var maxBytes: Int

  /// No limits but those given.
  public init(maxEntries: Int = 0, maxNegatives: Int = 0, maxBytes: Int = 0) {
    self.maxEntries = maxEntries
    self.maxNegatives = maxNegatives
    self.maxBytes = maxBytes
  }

  /// As the C library takes them.
  internal func rawLimits() throws(DcacheError) -> dcache_limits {
    guard maxEntries >= 0, maxNegatives >= 0, maxBytes >= 0 else { throw .invalidArgument }
    return dcache_limits(
      max_entries: maxEntries, max_negatives: maxNegatives, max_bytes: maxBytes)
  }
}
