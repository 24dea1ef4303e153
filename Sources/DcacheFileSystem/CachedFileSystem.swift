// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc
import Synchronization

/// A cache of the host's filesystem: what is where, and what is not.
///
///     let files = try CachedFileSystem()
///     for directory in includeDirectories {
///       if try files.exists("\(directory)/stdio.h") { … }
///     }
///
/// It answers as the host would. What it has been asked before it answers by itself, in some tenths of a
/// microsecond, for as long as the host does not tell of a change (inotify): by default an answer reflects
/// every change that was complete before the call began. Of threads that want to know the same at the same
/// time, one asks. See <doc:Truth> for what the host does not tell.
///
/// Paths are strings or arrays of bytes. `..` and symbolic links lead where they do on the host; paths that
/// do not begin with `/` begin in a directory that ``init(root:directory:options:)`` takes. The rights that
/// count are those with which the host was asked: if the process gives up some, or begins to use another
/// root or other mounts, ``invalidateAll()`` must be called.
///
/// Any thread may make any call at any time. It does not survive `fork()` in the child.
public final class CachedFileSystem: Sendable {
  internal let cache: DentryCache<Node>
  internal let backend: HostBackend
  internal let feed: ChangeFeed
  /// Whose threads ask the host for tasks.
  internal let pool: HostPool
  /// Where paths begin that do not begin with `/`: ends with one.
  private let start: [UInt8]
  private let isStrict: Bool
  private let isClosed = Atomic<Bool>(false)
  /// The thread that acts upon changes, if it is not the callers.
  private let listener: HostThread?

  /// Make a cache of the host's filesystem.
  ///
  /// - Parameters:
  ///   - root: what `/` means, and what neither `..` nor links leave, as after `chroot`. If it is not the
  ///     host's root, Linux 5.6 and proc are needed.
  ///   - directory: where paths begin that do not begin with `/`, a path in the root. nil: in the process's
  ///     working directory as it is now, or in `root`, if that is not the host's.
  ///   - options: settings.
  /// - Throws: why the root cannot be read, or there is no inotify, `EMFILE` if the user has as many instances
  ///   as the host allows (one a cache; often 128);
  ///   `DcacheError.invalidArgument`: a setting is out of range.
  public convenience init(
    root: String = "/", directory: String? = nil, options: Options = Options()
  ) throws(FileSystemError) {
    try self.init(root: root, directory: directory, options: options, probe: nil)
  }

  /// `tellsOfMounts`: false for tests that count, since anybody on the machine may mount something.
  internal init(
    root: String, directory: String?, options: Options, probe: Probe?, tellsOfMounts: Bool = true
  ) throws(FileSystemError) {
    do throws(DcacheError) {
      let place = try HostPlace(root: root)
      let limits = try options.watchLimits()
      let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
      guard descriptor >= 0 else { throw DcacheError(rawValue: errno) }
      let watches = WatchTable(
        descriptor: descriptor, place: place, maxWatches: limits.all, maxFileWatches: limits.files)
      backend = HostBackend(
        place: place, watches: watches, options: options, probe: probe)
      let top = try backend.top()
      cache = try DentryCache(
        root: top,
        options: CacheOptions(
          maxEntries: options.maxEntries, maxNegatives: options.maxNegatives,
          maxBytes: options.maxBytes),
        backend: backend)
      let feed = try ChangeFeed(
        cache: cache, top: top, backend: backend, probe: probe, tellsOfMounts: tellsOfMounts)
      self.feed = feed
      pool = HostPool(threads: options.concurrency ?? 2 * Self.processors)
      start = Self.start(directory, place)
      isStrict = options.truth == .strict
      listener = isStrict ? nil : try HostThread { feed.run() }
    } catch {
      throw FileSystemError(error, path: Array(root.utf8))
    }
  }

  deinit {
    close()
  }

  /// Let go of what is cached, and answer nothing more: calls that begin later throw `EBADF`. Waits for the
  /// thread that ``Truth/relaxed`` has.
  public func close() {
    guard !isClosed.exchange(true, ordering: .sequentiallyConsistent) else { return }
    feed.stop()
    pool.stop()
    listener?.join()
    feed.forgetAll()
    cache.shrink()
  }

  private static var processors: Int { max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1) }

  private static func start(_ directory: String?, _ place: HostPlace) -> [UInt8] {
    if let directory { return Array("/\(directory)/".utf8) }
    guard place.isHostRoot, let current = getcwd(nil, 0) else { return [slash] }
    defer { free(current) }
    return Array(String(cString: current).utf8) + [slash]
  }
}

// MARK: - What all calls do

extension CachedFileSystem {
  /// Run `body` with the whole of a path, when all changes before have been acted upon.
  internal func answer<Path: DentryName, Result>(
    _ path: Path, _ body: (Span<UInt8>) throws(DcacheError) -> Result
  ) throws(FileSystemError) -> Result {
    do throws(DcacheError) {
      guard !isClosed.load(ordering: .acquiring) else { throw DcacheError(rawValue: EBADF) }
      if isStrict { feed.refresh() }
      return try path.withBytes { bytes throws(DcacheError) in
        guard !bytes.isEmpty else { throw .noSuchFileOrDirectory }
        guard bytes.count < PATH_MAX else { throw .fileNameTooLong }
        if bytes[0] == slash { return try body(bytes) }
        return try body((start + bytes.copied()).span)
      }
    } catch {
      throw FileSystemError(error, path: path.withBytes { $0.copied() })
    }
  }

  /// What the cache knows of a path, or the host says: `kept` is run with the node if it is cached, and
  /// does not block; `asked` if that gave nil, with the time when the call began; `direct` if the path leads
  /// through a directory of which nothing is cached.
  internal func find<Result>(
    _ path: Span<UInt8>, _ options: WalkOptions,
    kept: (borrowing Node) -> Result?,
    asked: (Node, _ since: UInt64) throws(DcacheError) -> Result,
    direct: (Span<UInt8>) throws(DcacheError) -> Result
  ) throws(DcacheError) -> Result {
    if let hit = try findCached(path, options, kept).0 { return hit }
    let start = now()
    do throws(DcacheError) {
      let entry = try cache.walk(path, options: options)
      guard let node = entry.payload else { throw .noSuchFileOrDirectory }
      return try asked(node, start)
    } catch .unwatched {
      backend.counters.passedOn.add(1, ordering: .relaxed)
      return try direct(path)
    }
  }
}

extension DentryName {
  /// Lend the bytes to `body`, which may block.
  internal func withBytes<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withNameBytes { bytes throws(Failure) in
      try bytes.withUnsafeBytes { buffer throws(Failure) in
        let start = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return try body(UnsafeBufferPointer(start: start, count: buffer.count).span)
      }
    }
  }
}

extension CachedFileSystem.Options {
  internal func watchLimits() throws(DcacheError) -> (all: Int, files: Int) {
    let all = maxWatches ?? Self.hostsWatches / 2
    let files = maxFileWatches ?? all / 2
    guard all >= 0, files >= 0, maxListedNames >= 0, missesBeforeListing >= 0, concurrency ?? 1 > 0
    else {
      throw .invalidArgument
    }
    if case .trusted(let time) = unwatched, time <= .zero { throw .invalidArgument }
    return (all, files)
  }

  /// How many watches a user may have.
  private static var hostsWatches: Int {
    let file = open("/proc/sys/fs/inotify/max_user_watches", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return 8192 }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 32)
    let count = text.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
    let digits = text.prefix(max(count, 0)).prefix { $0 != UInt8(ascii: "\n") }
    return Int(String(decoding: digits, as: UTF8.self)) ?? 8192
  }
}
