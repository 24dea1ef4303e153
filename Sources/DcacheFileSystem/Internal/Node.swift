// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Synchronization

/// What is known of a file: the payload of an entry.
///
/// A name has a node of its own, whether the file has other names or not. What may change without the
/// entry becoming another is its state, which the node's lock guards, one of a few that all nodes share:
/// it is held for some loads and stores, never in a call of the host or the cache.
final class Node: @unchecked Sendable {
  // Sendable: `state` is touched with the lock held only; the rest never changes.

  /// How the cache knows a directory, whose entry moves with nothing else.
  let id: UInt64
  /// From the top, without links; empty: the top itself.
  let path: [UInt8]
  let kind: FileKind
  let device: UInt64
  let inode: UInt64
  /// Where it leads, if it is a symbolic link.
  let target: [UInt8]?
  /// Nobody tells of changes, and the entry has a time to live: what was said holds as long.
  let isBrief: Bool
  /// Must be told when the node goes.
  private let watches: WatchTable

  private var state: State

  struct State {
    /// What the host said last.
    var status: FileStatus
    /// When it was asked, by the clock of `now()`, or a little earlier.
    var askedAt: UInt64
    /// Would somebody have told, had the status changed since?
    var isKept: Bool
    /// Raised by each change that is told, after which nothing that was asked before is kept.
    var changes: UInt64 = 0
    var watch = Watch.none
    /// The names of a directory that is watched, none of which has changed since they were read.
    var listing: Listing?
    /// How many names the host was asked for and did not have, since it was listed last.
    var misses = 0
  }

  enum Watch: Equatable {
    case none
    /// It cannot be: what is in it is on a filesystem, or has names, that inotify does not do for.
    case useless
    /// By a descriptor of inotify's.
    case watched(Int32)
  }

  init(
    path: [UInt8], status: FileStatus, askedAt: UInt64, target: [UInt8]? = nil,
    isBrief: Bool = false, watches: WatchTable
  ) {
    id = Self.ids.add(1, ordering: .relaxed).newValue
    self.path = path
    kind = status.kind
    device = status.device
    inode = status.inode
    self.target = target
    self.isBrief = isBrief
    self.watches = watches
    state = State(status: status, askedAt: askedAt, isKept: isBrief)
  }

  deinit {
    if case .watched(let descriptor) = state.watch { watches.remove(id, from: descriptor) }
  }

  func withState<Result>(_ body: (inout State) -> Result) -> Result {
    Self.locks[Int(id % UInt64(Self.locks.count))].withLock { _ in body(&state) }
  }

  /// Run `body` as the only one who asks the host about the node, or one that shares the lock.
  func whileAsking<Result>(
    _ body: () throws(DcacheError) -> Result
  ) throws(DcacheError) -> Result {
    try Self.askers[Int(id % UInt64(Self.askers.count))].withLock { _ throws(DcacheError) in
      try body()
    }
  }

  /// The status, if it is known to be true.
  var keptStatus: FileStatus? {
    withState { $0.isKept ? $0.status : nil }
  }

  var isWatched: Bool {
    withState { if case .watched = $0.watch { true } else { false } }
  }

  /// It has changed, or what is in it.
  func noteChange() {
    withState { state in
      state.changes += 1
      state.isKept = isBrief
      state.listing = nil
      state.misses = 0
    }
  }

  private static let ids = Atomic<UInt64>(0)
  // Of a value that has an address: the thread sanitizer watches it.
  private static let locks = (0..<64).map { _ in Locked(false) }
  private static let askers = (0..<64).map { _ in Locked(false) }
}
