// SPDX-License-Identifier: LGPL-2.1-or-later

public import Dcache
import Synchronization

extension CachedFileSystem {
  /// What is cached of a path, and below it, is no longer true: for changes that nobody tells. The path
  /// itself, if it is a symbolic link.
  ///
  /// - Throws: what the host says of the directory that it is in; `ENOENT` for that is no error.
  @available(*, noasync)
  public func invalidate<Path: DentryName>(_ path: Path) throws(FileSystemError) {
    try answer(path) { path throws(DcacheError) in
      do throws(DcacheError) {
        try invalidate(path)
      } catch .noSuchFileOrDirectory, .unwatched {
        // Nothing is cached of it.
      }
    }
  }

  private func invalidate(_ path: Span<UInt8>) throws(DcacheError) {
    var end = path.count
    while end > 0, path[end - 1] == slash { end -= 1 }
    let start = path.extracting(0..<end).startOfLastComponent
    let name = path.extracting(start..<end)
    guard !name.isEmpty, !name.isEqual(to: [.dot].span), !name.isEqual(to: [.dot, .dot].span)
    else {
      let entry = try cache.walk(path)
      if entry == cache.root { return feed.forgetAll() }
      entry.payload?.noteChange()
      return try entry.invalidate()
    }
    let directory = try cache.walk(path.extracting(0..<start), options: .directory)
    directory.payload?.noteChange()
    cache.lookup(parent: directory, name: name)?.payload?.noteChange()
    try cache.invalidate(name: name, in: directory)
  }

  /// Nothing that is cached is known to be true any more.
  public func invalidateAll() {
    feed.forgetAll()
  }

  /// The counters.
  public var statistics: Statistics {
    let (counters, watches) = (backend.counters, backend.watches.counts)
    var statistics = Statistics()
    statistics.asked = counters.asked.load(ordering: .relaxed)
    statistics.listed = counters.listed.load(ordering: .relaxed)
    statistics.passedOn = counters.passedOn.load(ordering: .relaxed)
    statistics.watches = watches.all
    statistics.fileWatches = watches.files
    statistics.events = counters.events.load(ordering: .relaxed)
    statistics.forgotten = counters.forgotten.load(ordering: .relaxed)
    statistics.cache = cache.statistics
    return statistics
  }
}

extension UInt8 {
  internal static var dot: UInt8 { UInt8(ascii: ".") }
}
