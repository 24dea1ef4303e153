// SPDX-License-Identifier: LGPL-2.1-or-later

/// Settings of a new ``DentryCache``: `struct dcache_options`.
///
///     let options = CacheOptions(maxEntries: 1_000_000, matching: .caseInsensitive)
public struct CacheOptions: Sendable, Hashable {
  /// Buckets of the table of entries, rounded up to a power of two; about one for an entry is
  /// best. 0: 65536.
  public var buckets: Int

  /// Buckets of the table of lookups under way. 0: 1024.
  public var inLookupBuckets: Int

  /// Entries to keep. Above it each new entry frees a few unused ones, least recently used first.
  /// Entries in use are never freed. 0: no limit.
  public var maxEntries: Int

  /// Seed of the hash of names, for tests that must repeat. 0: from the kernel's random numbers,
  /// which keeps chosen names from colliding.
  public var seed: UInt64

  /// How names are compared in directories for which nothing else was said.
  public var matching: NameMatching

  /// The defaults are the library's.
  public init(
    buckets: Int = 0,
    inLookupBuckets: Int = 0,
    maxEntries: Int = 0,
    seed: UInt64 = 0,
    matching: NameMatching = .exact
  ) {
    self.buckets = buckets
    self.inLookupBuckets = inLookupBuckets
    self.maxEntries = maxEntries
    self.seed = seed
    self.matching = matching
  }
}
