// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem

/// A few paths in one piece of memory, each followed by NUL, so that nothing but resolving them is
/// timed.
struct PathBatch {
  /// The nodes that the paths are made from.
  private(set) var nodes: [Int] = []
  /// What the cache is to answer for each.
  private(set) var expected: [Finding] = []
  /// All paths.
  private(set) var bytes: [UInt8] = []
  private var starts: [Int] = []
  /// The directory whose path is in `prefix`, with a slash after it.
  private var directory: UInt32?
  private var prefix: [UInt8] = []

  /// How many paths there are.
  var count: Int { nodes.count }

  /// Where a path is in `bytes`, without the NUL.
  func range(of index: Int) -> Range<Int> {
    starts[index]..<starts[index + 1] - 1
  }

  /// Put the paths at some places of a set into the batch.
  mutating func fill(from probes: ProbeSet, places: Range<Int>) {
    nodes.removeAll(keepingCapacity: true)
    expected.removeAll(keepingCapacity: true)
    bytes.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    starts.append(0)
    for place in places {
      let node = probes.node(at: place)
      enter(probes.tree.parent(of: node), of: probes.tree)
      bytes.append(contentsOf: prefix)
      probes.appendLastComponent(of: node, to: &bytes)
      bytes.append(0)
      nodes.append(node)
      expected.append(probes.expected(of: node))
      starts.append(bytes.count)
    }
  }

  /// Lend a function to `body` that gives the path of each index as C calls take it.
  func withCPaths(_ body: ((Int) -> UnsafePointer<CChar>) -> Void) {
    bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return }
      body { index in base.advanced(by: starts[index]).assumingMemoryBound(to: CChar.self) }
    }
  }

  private mutating func enter(_ directory: UInt32, of tree: PathTree) {
    guard directory != self.directory else { return }
    self.directory = directory
    prefix.removeAll(keepingCapacity: true)
    tree.appendPath(of: directory, to: &prefix)
    if !prefix.isEmpty { prefix.append(slash) }
  }
}
