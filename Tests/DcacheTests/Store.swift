// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache

/// A backend of these tests: a tree of paths. The label of a payload is its path.
final class Store: DirectoryBackend {
  struct Node {
    var kind = InodeKind.directory
    var number: UInt64 = 0
    var target = ""
    /// Is the object that of its number, whatever the name?
    var isNumbered = false
    /// The spelling under which it is stored, if it is another.
    var stored: String?
    var error: DcacheError?
  }

  let calls = Counter()
  let linkCalls = Counter()
  let revalidations = Counter()
  let isTrue = Locked<Result<Bool, DcacheError>>(.success(true))
  let census: Census?
  let revalidates: Bool
  private let hasLinksAtHand: Bool
  private let nodes: Locked<[String: Node]>

  init(
    _ nodes: [String: Node] = [:], census: Census? = nil, revalidates: Bool = false,
    hasLinksAtHand: Bool = false
  ) {
    self.nodes = Locked(nodes)
    self.census = census
    self.revalidates = revalidates
    self.hasLinksAtHand = hasLinksAtHand
  }

  /// `/usr/lib/x`, some links, and `/home/me`.
  static func small(
    census: Census? = nil, revalidates: Bool = false, hasLinksAtHand: Bool = false
  ) -> Store {
    Store(
      [
        "/usr": Node(), "/usr/lib": Node(), "/usr/lib/x": .file(7), "/home": Node(),
        "/home/me": Node(), "/home/me/x": .file(8), "/link": .link("usr/lib/x"),
        "/usr/up": .link(".."), "/home/me/absolute": .link("/usr/lib"), "/loop": .link("loop"),
        "/nowhere": .link("nothing"), "/secret": Node(error: .permissionDenied),
      ], census: census, revalidates: revalidates, hasLinksAtHand: hasLinksAtHand)
  }

  func cache(options: CacheOptions = CacheOptions()) throws -> Cache {
    try Cache(root: File("/", census), options: options, backend: self)
  }

  func change(_ path: String, to node: Node?) {
    nodes.with { $0[path] = node }
  }

  func lookup(
    _ name: Span<UInt8>, in directory: File
  ) throws(DcacheError) -> LookupAnswer<File> {
    calls.increment()
    let name = name.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    let path = directory.label == "/" ? "/" + name : directory.label + "/" + name
    guard let node = nodes.with({ $0[path] }) else { return .absent }
    if let error = node.error { throw error }
    let census = census
    if let stored = node.stored {
      return .stored(
        name: Array(stored.utf8), File(path, census), kind: node.kind, number: node.number)
    }
    if node.isNumbered {
      return .numbered(node.number) { (File("#\(node.number)", census), node.kind) }
    }
    return .found(File(path, census), kind: node.kind, number: node.number)
  }

  func linkTarget(of link: File) throws(DcacheError) -> [UInt8] {
    linkCalls.increment()
    guard let node = nodes.with({ $0[link.label] }) else { throw .ioError }
    return Array(node.target.utf8)
  }

  func cachedLinkTarget(of link: File) -> [UInt8]? {
    guard hasLinksAtHand else { return nil }
    return nodes.with { $0[link.label].map { Array($0.target.utf8) } }
  }

  func revalidate(_ entry: borrowing Entry) throws(DcacheError) -> Bool {
    revalidations.increment()
    return try isTrue.with { $0 }.get()
  }
}

extension Store.Node {
  static func file(_ number: UInt64) -> Store.Node {
    Store.Node(kind: .regular, number: number)
  }

  static func link(_ target: String) -> Store.Node {
    Store.Node(kind: .symlink, target: target)
  }
}
