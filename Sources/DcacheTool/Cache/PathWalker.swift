// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem

/// Resolves paths through a cache, component by component: one thread's.
///
/// As the kernel does it, a walk first goes without locks and references; if that does not get to the
/// end, once more by references, asking the backend for what is not there.
struct PathWalker {
  private(set) var counts = WalkCounts()
  private let cache: DentryCache<HostFile>
  private var backend: Backend

  init(_ cache: DentryCache<HostFile>, _ backend: Backend) {
    self.cache = cache
    self.backend = backend
  }

  /// What has this path, the last component not followed.
  mutating func find(_ path: Span<UInt8>) -> Finding {
    let finding = findCached(path) ?? findByReference(path) { entry in Finding(of: entry) }
    if finding == .absent { counts.negatives += 1 }
    return finding
  }

  /// What has this path, and is it the entry of `stored` in the same directory, and named so? For a
  /// spelling that is not stored: the cache never has it, so there is no use in looking.
  mutating func find(
    _ path: Span<UInt8>, storedAs stored: Span<UInt8>
  ) -> (finding: Finding, isStoredEntry: Bool) {
    var isStoredEntry = false
    let cache = self.cache
    let finding = findByReference(path) { entry in
      let known = cache.lookup(parent: entry.parent(), name: stored)
      if let known { isStoredEntry = known == entry }
      isStoredEntry = isStoredEntry && entry.withNameBytes { $0.isEqual(to: stored) }
      return Finding(of: entry)
    }
    if finding == .absent { counts.negatives += 1 }
    return (finding, isStoredEntry)
  }
}

// MARK: - Without references

extension PathWalker {
  /// What a walk came to, and how many names it looked up.
  private struct Walked {
    let finding: Finding
    let names: Int
  }

  /// What the cache knows of the path; nil if it knows nothing, or something was changing.
  private mutating func findCached(_ path: Span<UInt8>) -> Finding? {
    let walked = cache.withReadLock { section -> Walked? in
      let end = path.endOfComponent(from: 0)
      return section.lookup(parent: cache.root, name: path.extracting(0..<end)) { entry in
        Self.walk(on: entry, path, from: end, names: 1, section)
      } ?? nil
    }
    guard let walked else { return nil }
    counts.names += walked.names
    return walked.finding
  }

  /// Go on from the entry of the component that ends at `end`.
  private static func walk(
    on entry: borrowing DentryView<HostFile>, _ path: Span<UInt8>, from end: Int, names: Int,
    _ section: borrowing ReadSection<HostFile>
  ) -> Walked? {
    guard end < path.count else { return Walked(finding: Finding(of: entry), names: names) }
    guard entry.isDirectory else { return Walked(finding: .absent, names: names) }
    let next = path.endOfComponent(from: end + 1)
    return section.lookup(parent: entry, name: path.extracting(end + 1..<next)) { child in
      walk(on: child, path, from: next, names: names + 1, section)
    } ?? nil
  }
}

// MARK: - By references

extension PathWalker {
  /// What `body` makes of the entry of the path; absent or an error if there is none.
  private mutating func findByReference(
    _ path: Span<UInt8>, _ body: (borrowing Dentry<HostFile>) -> Finding
  ) -> Finding {
    do throws(DcacheError) {
      return try walkByReference(path, body)
    } catch {
      counts.errors += 1
      return .failed(error.rawValue)
    }
  }

  private mutating func walkByReference(
    _ path: Span<UInt8>, _ body: (borrowing Dentry<HostFile>) -> Finding
  ) throws(DcacheError) -> Finding {
    var directory = cache.root.duplicate()
    var start = 0
    while true {
      let end = path.endOfComponent(from: start)
      let entry = try step(in: directory, path, start..<end)
      if end == path.count { return body(entry) }
      guard entry.isDirectory else { return .absent }
      directory = entry
      start = end + 1
    }
  }

  /// Look up one component in its directory.
  private mutating func step(
    in directory: borrowing Dentry<HostFile>, _ path: Span<UInt8>, _ component: Range<Int>
  ) throws(DcacheError) -> Dentry<HostFile> {
    counts.names += 1
    return try cache.resolve(parent: directory, name: path.extracting(component)) {
      _ throws(DcacheError) in
      counts.backendCalls += 1
      return try backend.lookUp(path.extracting(0..<component.upperBound))
    }
  }
}

extension Finding {
  /// What an entry leads to.
  init(of entry: borrowing Dentry<HostFile>) {
    guard let file = entry.payload else {
      self = .absent
      return
    }
    self.init(file.identity, kind: entry.kind, number: entry.inodeNumber)
  }

  /// What an entry leads to.
  init(of entry: borrowing DentryView<HostFile>) {
    let identity = entry.withPayload { $0.identity }
    guard let identity else {
      self = .absent
      return
    }
    self.init(identity, kind: entry.kind, number: entry.inodeNumber)
  }

  /// The number and the kind that the cache has, with what only the payload has: each is compared
  /// with the host.
  private init(_ identity: FileIdentity, kind: InodeKind?, number: UInt64?) {
    self = .present(
      FileIdentity(
        device: identity.device, inode: number ?? 0,
        type: kind == identity.type.inodeKind ? identity.type : .unknown))
  }
}
