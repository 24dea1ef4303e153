// SPDX-License-Identifier: LGPL-2.1-or-later

public import Dcache

extension CachedFileSystem {
  /// Counters of a ``CachedFileSystem``. Together they are right only while nobody uses it.
  ///
  /// What the cache answered by itself is not counted: it is the number of calls without those here.
  public struct Statistics: Sendable, Hashable {
    /// How often the host was asked about a name or a status.
    public var asked = 0
    /// How often a directory was read.
    public var listed = 0
    /// Calls that were handed on to the host as they were: see ``CachedFileSystem/Unwatched/asked``.
    public var passedOn = 0
    /// Watches there are now.
    public var watches = 0
    /// Of these, of files.
    public var fileWatches = 0
    /// Events that the host told.
    public var events = 0
    /// How often everything was forgotten, since mounts changed, events were lost, or by
    /// ``CachedFileSystem/invalidateAll()``.
    public var forgotten = 0
    /// The cache's own.
    public var cache = CacheStatistics()

    /// Nothing yet.
    public init() {}
  }
}
