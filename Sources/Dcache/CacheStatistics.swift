// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// Counters of a cache, `struct dcache_stats`: read one after the other while others change them,
/// exact when nobody does.
public struct CacheStatistics: Sendable, Hashable, Codable {
  /// Entries alive.
  public var entries: UInt64 = 0
  /// Of these, those known to be absent.
  public var negatives: UInt64 = 0
  /// Of these, those kept without a reference.
  public var unused: UInt64 = 0
  /// Of these, those being asked for now.
  public var inLookup: UInt64 = 0
  /// Inodes alive.
  public var inodes: UInt64 = 0
  /// References given back by `releaseDeferred()` that the background has not come to yet.
  public var pendingPuts: UInt64 = 0
  /// Objects waiting for a grace period.
  public var pendingFrees: UInt64 = 0
  /// Their memory, of those of which it is known.
  public var pendingBytes: UInt64 = 0
  /// Memory of the instance in bytes, its tables and what is pending included, payloads not.
  public var bytes: UInt64 = 0
  /// Entries above a limit, because all that are unused are gone.
  public var overLimit: UInt64 = 0
  /// Buckets of the table of entries.
  public var buckets: UInt64 = 0
  /// Buckets of the table of lookups under way.
  public var inLookupBuckets: UInt64 = 0
  /// How often an entry was made reachable.
  public var inserted: UInt64 = 0
  /// Moves and exchanges.
  public var renames: UInt64 = 0
  /// How often a table began to grow or to shrink.
  public var resizes: UInt64 = 0
  /// How often `allocParallel` made a caller the owner of a lookup.
  public var lookupsStarted: UInt64 = 0
  /// How often a caller waited for another's lookup.
  public var lookupsWaited: UInt64 = 0
  /// Of these, how often that lookup was the answer: calls of the backend saved.
  public var outcomesShared: UInt64 = 0
  /// Answers that came too late to be cached, since their name or its directory was changed or
  /// invalidated after they had been asked for.
  public var overtaken: UInt64 = 0
  /// Entries freed to make room, or by `shrink`.
  public var evicted: UInt64 = 0

  /// Nothing yet.
  public init() {}
}

extension CacheStatistics {
  internal init(_ stats: dcache_stats) {
    entries = stats.entries
    negatives = stats.negatives
    unused = stats.unused
    inLookup = stats.in_lookup
    inodes = stats.inodes
    pendingPuts = stats.pending_puts
    pendingFrees = stats.pending_frees
    pendingBytes = stats.pending_bytes
    bytes = stats.bytes
    overLimit = stats.over_limit
    buckets = stats.buckets
    inLookupBuckets = stats.in_lookup_buckets
    inserted = stats.inserted
    renames = stats.renames
    resizes = stats.resizes
    lookupsStarted = stats.lookups_started
    lookupsWaited = stats.lookups_waited
    outcomesShared = stats.outcomes_shared
    overtaken = stats.overtaken
    evicted = stats.evicted
  }
}
