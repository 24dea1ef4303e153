// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache

/// What names lead to.
final class File: Sendable {
  let number: UInt64

  init(_ number: Int) { self.number = UInt64(number) }
}

/// Entries of a directory.
let directorySize = 32

func directoryCount(_ entries: Int) -> Int { (entries + directorySize - 1) / directorySize }

/// The names that are measured. Each of them holds a number in hexadecimal, of eight digits.
enum NameKind: String, CaseIterable {
  /// 13 bytes, the median of real trees: a String keeps these in itself.
  case small
  /// 30 bytes: a String keeps these on the heap.
  case long
  /// 28 bytes, six of the characters not ASCII.
  case utf8

  private var parts: (String, String) {
    switch self {
    case .small: ("f", ".txt")
    case .long: ("object-", ".tar-archive.gz")
    case .utf8: ("Gr\u{f6}\u{df}e-", "-\u{6587}\u{4ef6}.\u{e4}\u{fc}")
    }
  }

  /// The name of a number; numbers below 2^32 have distinct names.
  func bytes(_ number: Int) -> [UInt8] {
    let (prefix, suffix) = parts
    let digits = String(UInt32(truncatingIfNeeded: number) &* 2_654_435_761, radix: 16)
    return Array(
      (prefix + String(repeating: "0", count: 8 - digits.utf8.count) + digits + suffix).utf8)
  }
}

/// A cache of `entries` files in directories of `directorySize`.
final class Tree: @unchecked Sendable {
  // Sendable: nothing changes after `init`.
  let cache: DentryCache<File>
  /// All the directories' entries, one after the other, as a C array of pointers.
  let directories: UnsafeMutablePointer<Dentry<File>>
  private let count: Int

  /// `room`: how many entries there will be at most.
  init(_ files: [File], room: Int, name: (Int) -> [UInt8]) {
    precondition(MemoryLayout<Dentry<File>>.stride == MemoryLayout<OpaquePointer>.stride)
    count = directoryCount(files.count)
    directories = .allocate(capacity: count)
    do {
      cache = try DentryCache(
        root: File(0), options: CacheOptions(buckets: room + directoryCount(files.count)))
      for index in 0..<count {
        let entry = try cache.root.own("directory\(index)", cache).add(
          File(index), kind: .directory)
        (directories + index).initialize(to: entry)
      }
      for index in files.indices {
        _ = try directories[index / directorySize].own(name(index), cache)
          .add(files[index], kind: .regular, number: files[index].number)
      }
    } catch {
      fail("the cache cannot be filled: \(error)")
    }
  }

  deinit {
    directories.deinitialize(count: count)
    directories.deallocate()
  }
}

extension Dentry where Payload == File {
  /// The lookup of a name that is not there.
  borrowing func own(
    _ name: some DentryName, _ cache: DentryCache<File>
  ) throws(DcacheError) -> InLookup<File> {
    switch try cache.allocParallel(parent: self, name: name) {
    case .pending(let lookup): return lookup
    case .found: wrong()
    }
  }
}
