// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem

/// The paths to be resolved, and what the host says of each: a node for each, which knows its parent.
///
/// A node takes 24 bytes and the bytes of its name, so that a million paths take some 45 MB. Nodes
/// of one directory are next to each other, after the node of the directory.
struct PathTree: Sendable {
  /// A path: a name in the directory that `parent` is.
  private struct Node {
    let inode: UInt64
    let parent: UInt32
    let nameStart: UInt32
    let device: UInt32
    let nameLength: UInt8
    let type: FileKind
    var spelling: Spelling
  }

  /// Stands for the top, which is no path of its own.
  static let top = UInt32.max

  private var nodes: [Node] = []
  private var names: [UInt8] = []
  private var devices: [UInt64] = []

  /// How many paths there are.
  var count: Int { nodes.count }

  /// What it takes, in bytes.
  var bytes: Int { nodes.count * MemoryLayout<Node>.stride + names.count }

  /// Another path. Returns false if the tree cannot hold more. `name` has 1 to 255 bytes.
  mutating func append(name: Span<UInt8>, parent: UInt32, identity: FileIdentity) -> Bool {
    guard nodes.count < Int(Self.top), names.count + name.count <= Int(UInt32.max) else {
      return false
    }
    nodes.append(
      Node(
        inode: identity.inode, parent: parent, nameStart: UInt32(names.count),
        device: deviceIndex(identity.device), nameLength: UInt8(name.count), type: identity.type,
        spelling: .noLetters))
    for index in name.indices { names.append(name[index]) }
    return true
  }

  /// The place of a device in the list of those seen; most often it is the last.
  private mutating func deviceIndex(_ device: UInt64) -> UInt32 {
    if let index = devices.lastIndex(of: device) { return UInt32(index) }
    devices.append(device)
    return UInt32(devices.count - 1)
  }

  /// What the host said of the path.
  func identity(of index: Int) -> FileIdentity {
    let node = nodes[index]
    return FileIdentity(
      device: devices[Int(node.device)], inode: node.inode, type: node.type)
  }

  /// The node of the directory it is in, or ``top``.
  func parent(of index: Int) -> UInt32 { nodes[index].parent }

  /// Can its name be asked for in a wrong case?
  func spelling(of index: Int) -> Spelling { nodes[index].spelling }

  /// Note how its name can be asked for.
  mutating func setSpelling(_ spelling: Spelling, of index: Int) {
    nodes[index].spelling = spelling
  }

  /// Lend the last component of the path.
  func withName<Result>(of index: Int, _ body: (Span<UInt8>) -> Result) -> Result {
    let node = nodes[index]
    let start = Int(node.nameStart)
    return body(names.span.extracting(start..<start + Int(node.nameLength)))
  }

  /// Add the path of a node to `bytes`; nothing for ``top``.
  func appendPath(of index: UInt32, to bytes: inout [UInt8]) {
    guard index != Self.top else { return }
    appendPath(of: nodes[Int(index)].parent, to: &bytes)
    if nodes[Int(index)].parent != Self.top { bytes.append(slash) }
    appendName(of: Int(index), to: &bytes)
  }

  /// Add the last component of the path to `bytes`.
  func appendName(of index: Int, to bytes: inout [UInt8]) {
    withName(of: index) { name in
      for index in name.indices { bytes.append(name[index]) }
    }
  }

  /// The path of a node.
  func path(of index: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    appendPath(of: UInt32(index), to: &bytes)
    return bytes
  }
}
