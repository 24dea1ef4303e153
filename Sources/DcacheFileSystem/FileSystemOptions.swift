// SPDX-License-Identifier: LGPL-2.1-or-later

extension CachedFileSystem {
  /// Settings of a ``CachedFileSystem``.
  ///
  ///     var options = CachedFileSystem.Options()
  ///     options.maxEntries = 100_000
  ///     options.unwatched = .trusted(for: .seconds(1))
  public struct Options: Sendable, Hashable {
    /// When a change that the host tells of is acted upon.
    public var truth = Truth.strict

    /// What is done about directories whose changes nobody tells.
    public var unwatched = Unwatched.asked

    /// Names to keep, existing or not; 0: no limit. See `CacheOptions` of `Dcache`.
    public var maxEntries = 1_000_000

    /// Of these, how many that do not exist; 0: no limit.
    public var maxNegatives = 250_000

    /// Memory that the entries may take, in bytes, what is known of each file not counted; 0: no limit.
    public var maxBytes = 0

    /// Names to keep in listings of directories, of all directories together.
    public var maxListedNames = 1_000_000

    /// How many names must be missing in a directory that is not large before it is read, to know at once
    /// what else is missing; 0: it is not. As long as its names change all the time, so many are asked for
    /// after each change.
    public var missesBeforeListing = 8

    /// Watches of inotify's to take; nil: half of what the host allows a user. Each is a directory in
    /// which something is cached, or a file. What there is no watch for is `unwatched`.
    public var maxWatches: Int?

    /// Of these, how many of files: each whose status has been asked for more than once. What there is no
    /// watch for is asked of the host each time. nil: half of the watches.
    public var maxFileWatches: Int?

    /// How many threads may ask the host for tasks; they are started when they are needed. nil: twice as many
    /// as there are processors.
    public var concurrency: Int?

    /// The defaults.
    public init() {}
  }

  /// When a change that the host tells of is acted upon.
  public enum Truth: Sendable, Hashable {
    /// By the next call, before it answers: a call sees all changes that were made before it began, of
    /// those that are told. Costs each call a question to the kernel, some tenth of a microsecond.
    case strict
    /// By a thread in the background, soon.
    case relaxed
  }

  /// What is done about directories whose changes nobody tells: on networks, FUSE, proc and the like, or
  /// because there are not enough watches.
  public enum Unwatched: Sendable, Hashable {
    /// Paths that lead through one are the host's to answer: one call each time. The answer is what a
    /// program without a cache would get.
    case asked
    /// What was said of a name is true for so long, as far as the cache is concerned; more than zero.
    case trusted(for: Duration)
  }
}
