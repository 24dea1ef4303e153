// SPDX-License-Identifier: LGPL-2.1-or-later

/// Counters of a cache, `struct dcache_stats`: read one after the other while others change them,
/// exact when nobody does.
public struct CacheStatistics: Sendable, Hashable {
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
  /// Objects waiting for a grace period.
  public var pendingFrees: UInt64 = 0
  /// Memory of the instance in bytes, its tables included, payloads not.
  public var bytes: UInt64 = 0
  /// How often `allocParallel` made a caller the owner of a lookup.
  public var lookupsStarted: UInt64 = 0
  /// How often a caller waited for another's lookup.
  public var lookupsWaited: UInt64 = 0
  /// Of these, how often that lookup was the answer: calls of the backend saved.
  public var outcomesShared: UInt64 = 0
  /// Entries freed to make room, or by `shrink`.
  public var evicted: UInt64 = 0
}
