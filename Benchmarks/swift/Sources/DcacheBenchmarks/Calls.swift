// SPDX-License-Identifier: LGPL-2.1-or-later

// Hits through the module beside the C calls that it makes (CBenchmarks/calls.c). Both go through the same
// keys, which hold the place, the name and what must be found, on the same cache. For strings and arrays
// Swift's names are in an array beside the keys, made in the order in which they are visited; C's, and the
// spans, are in one piece of memory in that order. So what differs beyond the module is where a String has
// its bytes.

import CBenchmarks
import Dcache

private typealias Keys = UnsafePointer<benchmark_key>

/// What a row does with what it finds.
private protocol Mode: SendableMetatype {
  static var name: String { get }
  /// The same in C.
  static func callC(_ directories: UnsafeRawPointer, _ keys: Keys, _ count: Int)

  /// Is what is found under a name what the key says?
  static func look<Name: DentryName & ~Escapable>(
    _ cache: DentryCache<File>, _ directory: borrowing Dentry<File>, _ name: Name, _ key: Keys
  ) -> Bool
}

/// A reference is taken and given back; the inode's number is read.
private enum Reference: Mode {
  static let name = "reference"
  static func callC(_ directories: UnsafeRawPointer, _ keys: Keys, _ count: Int) {
    benchmark_reference(directories, keys, count)
  }

  @inline(__always)
  static func look<Name: DentryName & ~Escapable>(
    _ cache: DentryCache<File>, _ directory: borrowing Dentry<File>, _ name: Name, _ key: Keys
  ) -> Bool {
    guard let entry = cache.lookup(parent: directory, name: name) else { return false }
    return entry.inodeNumber == key.pointee.number
  }
}

/// In a read section, without a reference; the inode's number is read.
private enum Section: Mode {
  static let name = "section"
  static func callC(_ directories: UnsafeRawPointer, _ keys: Keys, _ count: Int) {
    benchmark_section(directories, keys, count)
  }

  @inline(__always)
  static func look<Name: DentryName & ~Escapable>(
    _ cache: DentryCache<File>, _ directory: borrowing Dentry<File>, _ name: Name, _ key: Keys
  ) -> Bool {
    cache.withReadLock { section in
      section.lookup(parent: directory, name: name) { $0.inodeNumber == key.pointee.number }
        ?? false
    }
  }
}

/// With a reference to the entry, and one to the payload, which C does not take.
private enum ReferencePayload: Mode {
  static let name = "reference-payload"
  static func callC(_ directories: UnsafeRawPointer, _ keys: Keys, _ count: Int) {
    benchmark_reference_payload(directories, keys, count)
  }

  @inline(__always)
  static func look<Name: DentryName & ~Escapable>(
    _ cache: DentryCache<File>, _ directory: borrowing Dentry<File>, _ name: Name, _ key: Keys
  ) -> Bool {
    guard let file = cache.lookup(parent: directory, name: name)?.payload else { return false }
    return Unmanaged.passUnretained(file).toOpaque() == key.pointee.payload
  }
}

/// In a read section, with a payload that is lent.
private enum SectionPayload: Mode {
  static let name = "section-payload"
  static func callC(_ directories: UnsafeRawPointer, _ keys: Keys, _ count: Int) {
    benchmark_section_payload(directories, keys, count)
  }

  @inline(__always)
  static func look<Name: DentryName & ~Escapable>(
    _ cache: DentryCache<File>, _ directory: borrowing Dentry<File>, _ name: Name, _ key: Keys
  ) -> Bool {
    let isRight = cache.withReadLock { section in
      section.lookup(parent: directory, name: name) { view in
        view.withPayload { Unmanaged.passUnretained($0).toOpaque() == key.pointee.payload }
      }
    }
    return isRight == .some(.some(true))
  }
}

// MARK: - The measured loops

@inline(never)
private func lookUpSpans<M: Mode>(_: M.Type, _ tree: Tree, _ keys: Keys, _ count: Int) {
  let cache = tree.cache
  let directories = tree.directories
  for key in keys..<(keys + count) {
    let name = UnsafeBufferPointer(
      start: UnsafeRawPointer(key.pointee.name.unsafelyUnwrapped).assumingMemoryBound(
        to: UInt8.self),
      count: Int(key.pointee.len))
    guard M.look(cache, directories[Int(key.pointee.directory)], name.span, key) else { wrong() }
  }
}

@inline(never)
private func lookUpArrays<M: Mode>(
  _: M.Type, _ tree: Tree, _ keys: Keys, _ count: Int, _ all: [[UInt8]]
) {
  let names = all.span
  let cache = tree.cache
  let directories = tree.directories
  for index in 0..<count {
    let key = keys + index
    guard M.look(cache, directories[Int(key.pointee.directory)], names[index], key) else { wrong() }
  }
}

@inline(never)
private func lookUpStrings<M: Mode>(
  _: M.Type, _ tree: Tree, _ keys: Keys, _ count: Int, _ all: [String]
) {
  let names = all.span
  let cache = tree.cache
  let directories = tree.directories
  for index in 0..<count {
    let key = keys + index
    guard M.look(cache, directories[Int(key.pointee.directory)], names[index], key) else { wrong() }
  }
}

// MARK: - The keys

/// The keys of one round: changed between rounds, and only read while threads run.
private final class CallKeys: @unchecked Sendable {
  let tree: Tree
  let count: Int
  private let kind: NameKind
  private let files: [File]
  private let keys: UnsafeMutablePointer<benchmark_key>
  private let bytes: UnsafeMutablePointer<CChar>
  private var order: [Int]
  private(set) var strings: [String] = []
  private(set) var arrays: [[UInt8]] = []

  private static let stride = 32

  init(_ entries: Int, _ kind: NameKind) {
    self.kind = kind
    count = entries
    files = (0..<entries).map { File($0) }
    tree = Tree(files, room: entries) { kind.bytes($0) }
    keys = .allocate(capacity: entries)
    bytes = .allocate(capacity: entries * Self.stride)
    order = Array(0..<entries)
  }

  deinit {
    keys.deallocate()
    bytes.deallocate()
  }

  var pointer: Keys { Keys(keys) }

  /// New names in a new order.
  func shuffle(_ random: inout Random) {
    order.shuffle(using: &random)
    strings = []
    arrays = []
    strings.reserveCapacity(count)
    arrays.reserveCapacity(count)
    for (index, number) in order.enumerated() {
      let name = kind.bytes(number)
      let copy = bytes + index * Self.stride
      for (offset, byte) in name.enumerated() { copy[offset] = CChar(bitPattern: byte) }
      keys[index] = benchmark_key(
        name: copy, len: UInt32(name.count), directory: UInt32(number / directorySize),
        number: files[number].number,
        payload: UnsafeRawPointer(Unmanaged.passUnretained(files[number]).toOpaque()))
    }
    // Each kind by itself, so that one lies behind the other.
    for number in order { strings.append(String(decoding: kind.bytes(number), as: UTF8.self)) }
    for number in order { arrays.append(kind.bytes(number)) }
  }
}

// MARK: - The rows

/// Looks up all the keys, or the first so many.
private typealias Loop = @Sendable (CallKeys, Int) -> Void

private func loops<M: Mode>(_ mode: M.Type) -> [(name: String, run: Loop)] {
  let all: [(String, Loop)] = [
    ("c", { M.callC($0.tree.directories, $0.pointer, $1) }),
    ("span", { lookUpSpans(mode, $0.tree, $0.pointer, $1) }),
    ("array", { lookUpArrays(mode, $0.tree, $0.pointer, $1, $0.arrays) }),
    ("string", { lookUpStrings(mode, $0.tree, $0.pointer, $1, $0.strings) }),
  ]
  return all.map { ("\($0)-\(M.name)", $1) }
}

func measureCalls(_ options: Options) async {
  let modes = [Reference.name, Section.name, ReferencePayload.name, SectionPayload.name]
  let all =
    loops(Reference.self) + loops(Section.self) + loops(ReferencePayload.self)
    + loops(SectionPayload.self)
  printHeading("Hits through the module beside the C calls that it makes")
  for kind in NameKind.allCases {
    var random = Random()
    let keys = CallKeys(options.entries, kind)
    let passes = max(1, (1 << 19) / options.entries)
    let jobs = all.map { loop in
      Job(name: loop.name) {
        threads(1, operations: options.entries * passes) { _, isMeasured in
          guard isMeasured else { return loop.run(keys, min(keys.count, 1 << 16)) }
          for _ in 0..<passes { loop.run(keys, keys.count) }
        }
      }
    }
    let results = await rounds(options.rounds, of: jobs, &random) { keys.shuffle(&$0) }
    for mode in modes {
      for name in ["span", "array", "string"] {
        report(
          "swift-call-\(kind.rawValue)-\(name)-\(mode)", entries: options.entries, threads: 1,
          ["\(name)-\(mode)", "c-\(mode)"].map {
            ($0.hasPrefix("c-") ? "c" : "dcache", results[$0] ?? [])
          })
      }
    }
    checkAllocations(all, keys)
  }
  print("No call allocated.")
}

/// After the loops have run, so that the runtime has set up what it sets up once.
private func checkAllocations(_ loops: [(name: String, run: Loop)], _ keys: CallKeys) {
  let before = benchmark_allocations()
  let some = [UInt8](repeating: 1, count: .random(in: 1_000..<2_000))
  guard some.last == 1, benchmark_allocations() > before else {
    fail("allocations are not counted")
  }
  for loop in loops {
    let before = benchmark_allocations()
    loop.run(keys, keys.count)
    let allocated = benchmark_allocations() - before
    guard allocated == 0 else {
      fail("\(loop.name): \(allocated) allocations in \(keys.count) calls")
    }
  }
}
