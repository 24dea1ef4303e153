// SPDX-License-Identifier: LGPL-2.1-or-later

// Hits through the Swift module, for callgrind to count their instructions. See hot_path.c, which does
// the same from C and says how. Rows beginning with c- are the C calls that the module makes in the
// others, made from here: what the others take beyond them is the module's.

import CDcache
import Dcache
import Marks

final class File: Sendable {}

typealias Cache = DentryCache<File>
typealias Entry = Dentry<File>

let operations = 1024
// In the String itself, and longer than fits there.
let short = "name-of-13.tx"
let long = "a-name-of-more-bytes-than-fit-a-string.x"
let number: UInt64 = 13

func add(_ name: String, to cache: Cache) throws {
  guard case .pending(let lookup) = try cache.allocParallel(parent: cache.root, name: name) else {
    fatalError("\(name) is there already")
  }
  _ = try lookup.add(File(), kind: .regular, number: number)
}

/// `hits` makes so many and says how many answers were right.
func measure(_ row: StaticString, _ hits: (Int) -> Int) {
  let name = UnsafeRawPointer(row.utf8Start).assumingMemoryBound(to: CChar.self)
  func run(_ count: Int) {
    hot_path_begin()
    let right = hits(count)
    hot_path_end(name, count)
    if right != count { fatalError("\(row): \(count - right) answers are wrong") }
  }

  _ = hits(operations)
  run(operations)
  run(2 * operations)
}

/// In one read section, without a reference.
@inline(never)
func look<Name: DentryName & ~Escapable>(_ cache: Cache, _ name: Name, _ count: Int) -> Int {
  cache.withReadLock { section in
    var right = 0
    for _ in 0..<count {
      let found = section.lookup(parent: cache.root, name: name) { view in view.inodeNumber }
      if found == .some(number) { right += 1 }
    }
    return right
  }
}

/// With a reference that is given back.
@inline(never)
func keep<Name: DentryName & ~Escapable>(_ cache: Cache, _ name: Name, _ count: Int) -> Int {
  var right = 0
  for _ in 0..<count {
    if let entry = cache.lookup(parent: cache.root, name: name), entry.inodeNumber == number {
      right += 1
    }
  }
  return right
}

/// Many in one call, with references that are given back. An operation is a name.
@inline(never)
func keepTogether(_ cache: Cache, _ names: [String], _ count: Int) -> Int {
  var right = 0
  for _ in 0..<count / names.count {
    cache.lookup(parent: cache.root, names: names) { _, entry in
      if let entry, entry.inodeNumber == number { right += 1 }
    }
  }
  return right
}

/// One, and its payload.
@inline(never)
func keepPayload(_ cache: Cache, _ name: String, _ file: File, _ count: Int) -> Int {
  var right = 0
  for _ in 0..<count {
    if let entry = cache.lookup(parent: cache.root, name: name), entry.payload === file {
      right += 1
    }
  }
  return right
}

@inline(never)
func lookFromC(_ root: OpaquePointer, _ bytes: UnsafeRawBufferPointer, _ count: Int) -> Int {
  var right = 0
  dcache_read_lock()
  for _ in 0..<count {
    var name = qstr_init(bytes.baseAddress, bytes.count)
    var sequence: UInt32 = 0
    guard let entry = d_lookup_rcu(root, &name, &sequence), let inode = d_inode(entry) else {
      continue
    }
    let found = inode_number(inode)
    if !d_seq_retry(entry, sequence), found == number { right += 1 }
  }
  dcache_read_unlock()
  return right
}

@inline(never)
func keepFromC(_ root: OpaquePointer, _ bytes: UnsafeRawBufferPointer, _ count: Int) -> Int {
  var right = 0
  for _ in 0..<count {
    var name = qstr_init(bytes.baseAddress, bytes.count)
    guard let entry = d_lookup(root, &name) else { continue }
    if let inode = d_inode(entry), inode_number(inode) == number { right += 1 }
    dput(entry)
  }
  return right
}

/// What `cache` holds, made by C calls; the root of it.
func makeFromC() -> OpaquePointer {
  var options = dcache_options()
  options.size = MemoryLayout<dcache_options>.size
  options.hash_buckets = 4096
  options.seed = 1
  var instance: OpaquePointer?
  guard dcache_create(&options, &instance) == 0,
    let root = d_make_root(new_inode(instance, 0, INODE_DIRECTORY, nil, nil)), !IS_ERR(.init(root))
  else { fatalError("no instance") }
  for text in [short, long] {
    Array(text.utf8).withUnsafeBytes { bytes in
      var name = qstr_init(bytes.baseAddress, bytes.count)
      guard let entry = d_alloc(root, &name), !IS_ERR(.init(entry)),
        d_add(entry, new_inode(instance, number, INODE_REGULAR, nil, nil)) == 0
      else { fatalError("no entry") }
      dput(entry)
    }
  }
  return root
}

func measureAll() throws {
  // 4096 buckets and one secret: the same chains in each run.
  let cache = try Cache(root: File(), options: CacheOptions(buckets: 4096, seed: 1))
  for name in [short, long] { try add(name, to: cache) }
  guard let file = cache.lookup(parent: cache.root, name: short)?.payload else {
    fatalError("no entry")
  }

  let bytes = Array(short.utf8)
  measure("swift-look-string-13") { look(cache, short, $0) }
  measure("swift-look-string-40") { look(cache, long, $0) }
  measure("swift-look-span-13") { look(cache, bytes.span.bytes, $0) }
  measure("swift-keep-string-13") { keep(cache, short, $0) }
  measure("swift-keep-string-40") { keep(cache, long, $0) }
  measure("swift-keep-span-13") { keep(cache, bytes.span.bytes, $0) }
  measure("swift-keep-payload-13") { keepPayload(cache, short, file, $0) }

  let names = Array(repeating: short, count: 64)
  measure("swift-keep-batch-string-13") { keepTogether(cache, names, $0) }

  let root = makeFromC()
  bytes.withUnsafeBytes { bytes in
    measure("c-look-13") { lookFromC(root, bytes, $0) }
    measure("c-keep-13") { keepFromC(root, bytes, $0) }
  }
}

/// The rows, in a thread of their own, which is nobody's actor.
func runRows() {
  do {
    try measureAll()
  } catch {
    fatalError("\(error)")
  }
}

@main
struct HotPaths {
  static func main() {
    hot_path_check_counter()
    hot_path_run(runRows)
  }
}
