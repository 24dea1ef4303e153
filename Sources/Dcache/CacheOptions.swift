// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// Settings of a new ``DentryCache``: `struct dcache_options`.
///
///     let options = CacheOptions(maxEntries: 1_000_000, negativeTimeToLive: .seconds(5))
public struct CacheOptions: Sendable, Hashable {
  /// Buckets that the table of entries begins with and does not fall below, rounded up to a power of
  /// two; each is for five entries. The table grows and shrinks by itself. 0: 256.
  public var buckets: Int

  /// The same for the table of lookups under way. 0: 16.
  public var inLookupBuckets: Int

  /// Entries to keep. Above it each new entry frees unused ones, those first that are least likely to
  /// be used again. Entries in use are never freed. 0: no limit. See ``CacheLimits``.
  public var maxEntries: Int

  /// Of these, how many may be known not to exist. 0: no limit.
  public var maxNegatives: Int

  /// Memory that the cache may take, in bytes, payloads not counted; 1 MiB at least. 0: no limit.
  public var maxBytes: Int

  /// How long an entry with a payload is true unless ``Dentry/setTimeToLive(_:)`` says otherwise; nil:
  /// for ever.
  public var positiveTimeToLive: Duration?

  /// How long it is true that a name does not exist; nil: for ever.
  public var negativeTimeToLive: Duration?

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
    maxNegatives: Int = 0,
    maxBytes: Int = 0,
    positiveTimeToLive: Duration? = nil,
    negativeTimeToLive: Duration? = nil,
    seed: UInt64 = 0,
    matching: NameMatching = .exact
  ) {
    self.buckets = buckets
    self.inLookupBuckets = inLookupBuckets
    self.maxEntries = maxEntries
    self.maxNegatives = maxNegatives
    self.maxBytes = maxBytes
    self.positiveTimeToLive = positiveTimeToLive
    self.negativeTimeToLive = negativeTimeToLive
    self.seed = seed
    self.matching = matching
  }

  /// As the C library takes them, without operations.
  internal func rawOptions() throws(DcacheError) -> dcache_options {
    guard buckets >= 0, inLookupBuckets >= 0 else { throw .invalidArgument }
    let limits = try CacheLimits(
      maxEntries: maxEntries, maxNegatives: maxNegatives, maxBytes: maxBytes
    ).rawLimits()
    var settings = dcache_options()
    settings.size = MemoryLayout<dcache_options>.size
    settings.hash_buckets = buckets
    settings.in_lookup_buckets = inLookupBuckets
    settings.max_entries = limits.max_entries
    settings.max_negatives = limits.max_negatives
    settings.max_bytes = limits.max_bytes
    settings.positive_ttl_ns = try Self.rawTimeToLive(positiveTimeToLive)
    settings.negative_ttl_ns = try Self.rawTimeToLive(negativeTimeToLive)
    settings.seed = seed
    return settings
  }

  /// In C it is 0 that means "for ever".
  private static func rawTimeToLive(_ time: Duration?) throws(DcacheError) -> UInt64 {
    guard let time else { return 0 }
    guard time > .zero else { throw .invalidArgument }
    return time.rawNanoseconds
  }
}
