// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem

/// What is resolved in one phase: a path made from each of some nodes.
struct ProbeSet: Sendable {
  let phase: Phase
  let tree: PathTree
  /// The nodes; nil: all of them.
  private var chosen: [UInt32]?

  /// How many paths a batch has.
  private static let batchSize = 256

  /// The paths of a phase. Those that should not exist, but do on the host, are left out.
  init(
    _ phase: Phase, of tree: PathTree, on host: any FileSystemView, progress: ProgressBar
  ) {
    self.phase = phase
    self.tree = tree
    guard phase == .missing || phase == .wrongCase else { return }
    chosen = (0..<UInt32(tree.count)).filter {
      phase == .missing || tree.spelling(of: Int($0)) == .unique
    }
    let present = nodesPresent(on: host, progress)
    if !present.isEmpty { chosen?.removeAll { present.contains(Int($0)) } }
  }

  /// How many there are.
  var count: Int { chosen?.count ?? tree.count }

  /// The node that the path at a place is made from.
  func node(at place: Int) -> Int {
    guard let chosen else { return place }
    return Int(chosen[place])
  }

  /// Does the path that is asked for exist on the host?
  var existsOnHost: Bool { phase == .cold || phase == .warm }

  /// Lend all paths to `body`, a batch at a time, until the user types ^C.
  func forEachBatch(_ progress: ProgressBar, _ body: (borrowing PathBatch) -> Void) {
    var batch = PathBatch()
    var start = 0
    while start < count, !Interruption.isRequested {
      let end = min(start + Self.batchSize, count)
      batch.fill(from: self, places: start..<end)
      body(batch)
      progress.advance(by: end - start)
      start = end
    }
  }

  /// Add what is asked for in the directory of a node.
  func appendLastComponent(of node: Int, to bytes: inout [UInt8]) {
    switch phase {
    case .cold, .warm:
      tree.appendName(of: node, to: &bytes)
    case .missing:
      bytes.append(contentsOf: "dcache-missing-\(node)".utf8)
    case .wrongCase:
      tree.withName(of: node) { name in
        for index in name.indices { bytes.append(name[index].caseFlipped) }
      }
    }
  }

  /// The path that is made from a node.
  func path(of node: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    let parent = tree.parent(of: node)
    tree.appendPath(of: parent, to: &bytes)
    if parent != PathTree.top { bytes.append(slash) }
    appendLastComponent(of: node, to: &bytes)
    return bytes
  }

  /// What the cache is to answer for the path that is made from a node.
  func expected(of node: Int) -> Finding {
    phase == .missing ? .absent : .present(tree.identity(of: node))
  }

  /// Nodes whose path in this phase is not known to be absent.
  private func nodesPresent(on host: any FileSystemView, _ progress: ProgressBar) -> Set<Int> {
    var present: Set<Int> = []
    forEachBatch(progress) { batch in
      batch.withCPaths { paths in
        for index in 0..<batch.count where host.find(paths(index)) != .absent {
          present.insert(batch.nodes[index])
        }
      }
    }
    return present
  }
}
