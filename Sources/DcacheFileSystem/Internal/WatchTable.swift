// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc

/// The watches of one inotify instance, and whose they are.
///
/// A watch is an inode's, and several nodes may have the same one: other names of a file, a directory
/// that is mounted in two places or has just been renamed. Putting a watch and noting whose it is are one
/// step under the table's lock, as are forgetting the last node and taking the watch away: so an event
/// finds all nodes that rely on it. The lock is held in calls of inotify, never in one of the cache's,
/// whose threads take it when nodes go.
final class WatchTable: Sendable {
  /// Of inotify.
  let descriptor: Int32
  private let place: HostPlace
  private let maxWatches: Int
  private let maxFileWatches: Int
  private let state = Locked(State())

  private struct State {
    var watches: [Int32: Watch] = [:]
    var fileWatches = 0
  }

  private struct Watch {
    let isFile: Bool
    /// Of each node; the table keeps none alive.
    var nodes: [Weak]
  }

  private struct Weak {
    let id: UInt64
    weak var node: Node?
  }

  init(
    descriptor: Int32, place: HostPlace, maxWatches: Int, maxFileWatches: Int
  ) {
    self.descriptor = descriptor
    self.place = place
    self.maxWatches = maxWatches
    self.maxFileWatches = maxFileWatches
  }

  deinit {
    close(descriptor)
  }

  /// How many watches there are, and of these how many of files.
  var counts: (all: Int, files: Int) {
    state.withLock { ($0.watches.count, $0.fileWatches) }
  }

  /// See that changes of a node are told from now on. False: they are not, for want of a watch.
  func add(_ node: Node) -> Bool {
    if node.isWatched { return true }
    let isFile = node.kind != .directory
    return state.withLock { state in
      if node.isWatched { return true }
      guard state.watches.count < maxWatches, !isFile || state.fileWatches < maxFileWatches
      else { return false }
      let mask = isFile ? Self.fileMask : Self.directoryMask
      let watch = place.withCPath(node.path) { inotify_add_watch(descriptor, $0, mask) }
      guard watch >= 0 else { return false }
      if state.watches[watch] == nil {
        state.watches[watch] = Watch(isFile: isFile, nodes: [])
        if isFile { state.fileWatches += 1 }
      }
      state.watches[watch]?.nodes.append(Weak(id: node.id, node: node))
      node.withState { $0.watch = .watched(watch) }
      return true
    }
  }

  /// A node has gone.
  func remove(_ id: UInt64, from watch: Int32) {
    state.withLock { state in
      guard var entry = state.watches[watch] else { return }
      entry.nodes.removeAll { $0.id == id }
      state.watches[watch] = entry
      guard entry.nodes.isEmpty else { return }
      Self.forget(watch, in: &state)
      inotify_rm_watch(descriptor, watch)
    }
  }

  /// Who is to hear of an event.
  func nodes(of watch: Int32) -> [Node] {
    state.withLock { $0.watches[watch]?.nodes.compactMap(\.node) ?? [] }
  }

  /// The host has taken a watch away: whose it was.
  func takeLost(_ watch: Int32) -> [Node] {
    state.withLock { state in
      let nodes = state.watches[watch]?.nodes.compactMap(\.node) ?? []
      Self.forget(watch, in: &state)
      for node in nodes { node.withState { $0.watch = .none } }
      return nodes
    }
  }

  private static func forget(_ watch: Int32, in state: inout State) {
    guard let entry = state.watches.removeValue(forKey: watch) else { return }
    if entry.isFile { state.fileWatches -= 1 }
  }

  /// Names that come, go and change; what is done to the directory itself. What is done to the files in
  /// it is not asked for: it may be done through other names, of which it tells nothing.
  private static let directoryMask = UInt32(
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF
      | IN_ONLYDIR | IN_DONT_FOLLOW)

  /// By whatever name it is done.
  private static let fileMask = UInt32(
    IN_ATTRIB | IN_MODIFY | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW)
}
