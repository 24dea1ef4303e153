// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc
import Synchronization

/// The backend of the cache: what the host says of names, if it will tell when that changes.
///
/// Of a directory whose changes nobody tells, nothing is cached unless an option gives it a time: looking
/// up a name in it fails with ``DcacheError/unwatched``, and whoever wanted the path asks the host about
/// the whole of it.
final class HostBackend: DirectoryBackend {
  let place: HostPlace
  let watches: WatchTable
  let devices: LocalDevices
  let counters = HostCounters()
  private let unwatched: CachedFileSystem.Unwatched
  private let budget: ListingBudget
  private let missesBeforeListing: Int
  /// Of tests, to do something at one moment.
  private let probe: Probe?

  init(
    place: HostPlace, watches: WatchTable, options: CachedFileSystem.Options, probe: Probe?
  ) {
    self.place = place
    self.watches = watches
    unwatched = options.unwatched
    budget = ListingBudget(maxNames: options.maxListedNames)
    missesBeforeListing = options.missesBeforeListing
    self.probe = probe
    devices = LocalDevices(place)
  }

  /// The root's node.
  func top() throws(DcacheError) -> Node {
    let askedAt = now()
    return try Node(
      path: [], status: place.top.status(of: ".").get(), askedAt: askedAt, watches: watches)
  }

  func lookup(
    _ name: Span<UInt8>, in directory: Node
  ) throws(DcacheError) -> LookupAnswer<Node> {
    var timeToLive: Duration?
    return try lookup(name, in: directory, timeToLive: &timeToLive)
  }

  func lookup(
    _ name: Span<UInt8>, in directory: Node, timeToLive: inout Duration?
  ) throws(DcacheError) -> LookupAnswer<Node> {
    // The watch is there before anything is asked.
    let isTold = watch(directory)
    if !isTold {
      guard case .trusted(let time) = unwatched else { throw .unwatched }
      timeToLive = time
    }
    return answer(with: try find(name, in: directory, isTold: isTold))
  }

  /// As the cache takes it; nil: the name does not exist.
  func answer(with node: Node?) -> LookupAnswer<Node> {
    guard let node else { return .absent }
    return node.kind == .directory
      ? .numbered(node.id) { () throws(DcacheError) in (node, .directory) }
      : .found(node, kind: node.kind.inodeKind, number: node.inode)
  }

  /// What a name leads to, in a directory that is watched if `isTold`; nil: it does not exist.
  func find(
    _ name: Span<UInt8>, in directory: Node, isTold: Bool
  ) throws(DcacheError) -> Node? {
    if isTold, let listing = try listing(afterMissesIn: directory), !listing.contains(name) {
      return nil
    }
    let path = directory.path.isEmpty ? name.copied() : directory.path + [slash] + name.copied()
    let node = try ask(path, isBrief: !isTold)
    if node == nil { directory.withState { $0.misses += 1 } }
    return node
  }

  func linkTarget(of link: Node) throws(DcacheError) -> [UInt8] {
    guard let target = link.target else { throw .invalidArgument }
    return target
  }

  func cachedLinkTarget(of link: Node) -> [UInt8]? { link.target }

  /// See that changes of the names in a directory are told. False: they are not.
  func watch(_ directory: Node) -> Bool {
    switch directory.withState({ $0.watch }) {
    case .watched: return true
    case .useless: return false
    case .none: break
    }
    guard !directory.isBrief, devices.tellOfNames(in: directory) else {
      directory.withState { if $0.watch == .none { $0.watch = .useless } }
      return false
    }
    guard watches.add(directory) else { return false }
    probe?(.watched, directory.path)
    return true
  }

  /// The listing of a directory, if there is one, or if so many names were missing that it is cheaper to
  /// know them all.
  private func listing(afterMissesIn directory: Node) throws(DcacheError) -> Listing? {
    let (listing, isDue) = directory.withState { state in
      let isSmall = state.status.size <= Self.maxListedSize
      return (state.listing, isSmall && state.misses >= missesBeforeListing)
    }
    if listing != nil || missesBeforeListing == 0 || !isDue { return listing }
    do throws(DcacheError) {
      return try self.listing(of: directory)
    } catch {
      // It may be searched and still not be allowed to be read. Not again before as many misses more.
      directory.withState { $0.misses = 0 }
      return nil
    }
  }

  /// Of what size, as the host gives it, a directory is at most that is listed without being asked for.
  private static let maxListedSize = 1 << 16

  /// What the host says of a node's path; nil: there is nothing.
  private func ask(_ path: [UInt8], isBrief: Bool) throws(DcacheError) -> Node? {
    while true {
      probe?(.asking, path)
      let askedAt = now()
      counters.asked.add(1, ordering: .relaxed)
      let status: FileStatus
      switch path.withCPath({ place.top.status(of: $0) }) {
      case .success(let success): status = success
      case .failure(.noSuchFileOrDirectory):
        probe?(.asked, path)
        return nil
      case .failure(let error): throw error
      }
      var target: [UInt8]?
      if status.kind == .symlink {
        counters.asked.add(1, ordering: .relaxed)
        switch path.withCPath({ place.top.linkTarget(of: $0) }) {
        case .success(let success): target = success
        case .failure(.invalidArgument), .failure(.noSuchFileOrDirectory):
          // Another file has its name by now.
          continue
        case .failure(let error): throw error
        }
      }
      probe?(.asked, path)
      return Node(
        path: path, status: status, askedAt: askedAt, target: target, isBrief: isBrief,
        watches: watches)
    }
  }
}

// MARK: - What has been found already

extension HostBackend {
  /// The status of a node as of some moment after `start`.
  func status(of node: Node, since start: UInt64) throws(DcacheError) -> FileStatus {
    try node.whileAsking { () throws(DcacheError) in
      let known = node.withState { state in
        state.isKept || state.askedAt >= start ? state.status : nil
      }
      if let known { return known }
      let isTold = watchStatus(of: node)
      let changes = node.withState { $0.changes }
      probe?(.asking, node.path)
      let askedAt = now()
      counters.asked.add(1, ordering: .relaxed)
      let status = try node.path.withCPath { place.top.status(of: $0) }.get()
      probe?(.asked, node.path)
      guard status.inode == node.inode, status.device == node.device, status.kind == node.kind
      else { return status }
      node.withState { state in
        guard state.changes == changes else { return }
        state.status = status
        state.askedAt = askedAt
        if case .watched = state.watch { state.isKept = isTold }
      }
      return status
    }
  }

  /// See that changes of a node's status are told. False: they are not. Those of devices and their like
  /// are made by drivers, which tell nobody.
  private func watchStatus(of node: Node) -> Bool {
    switch node.kind {
    case .directory: watch(node)
    case .regular, .symlink: watches.add(node)
    default: false
    }
  }

  /// The names in a directory.
  func listing(of node: Node) throws(DcacheError) -> Listing {
    try node.whileAsking { () throws(DcacheError) in
      if let listing = node.withState({ $0.listing }) { return listing }
      guard watch(node) else { throw .unwatched }
      let changes = node.withState { $0.changes }
      probe?(.asking, node.path)
      counters.listed.add(1, ordering: .relaxed)
      let listing = try place.listing(of: node.path)
      probe?(.asked, node.path)
      let isKept = node.withState { state in
        guard case .watched = state.watch, state.changes == changes else { return false }
        state.listing = listing
        state.misses = 0
        return true
      }
      if isKept, !budget.admit(listing, of: node) {
        node.withState { if $0.listing === listing { $0.listing = nil } }
      }
      return listing
    }
  }
}

extension DcacheError {
  /// What is in a directory cannot be cached. EREMOTE, which no call of the host's that is made here
  /// gives; and if one did, the host would say so again.
  static var unwatched: DcacheError { DcacheError(rawValue: EREMOTE) }
}

/// The monotonic clock, in nanoseconds.
func now() -> UInt64 { clock_gettime_nsec(CLOCK_MONOTONIC) }

private func clock_gettime_nsec(_ clock: clockid_t) -> UInt64 {
  var time = timespec()
  clock_gettime(clock, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
