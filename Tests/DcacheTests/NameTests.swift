// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import MixedC
import Testing

@Suite(.timeLimit(.minutes(10))) struct NameTests {
  let cache: Cache

  init() throws {
    cache = try makeCache()
    _ = try cache.own("motd", in: cache.root).add(File("motd"), kind: .regular)
  }

  @Test func everyTypeOfNameFindsTheSame() throws {
    let string = "motd"
    let bytes = Array(string.utf8)
    let path = "/etc/motd"
    let entry = try require(cache.lookup(parent: cache.root, name: string))

    expect(cache.finds(bytes, in: cache.root, as: entry))
    expect(cache.finds(path.suffix(4), in: cache.root, as: entry))
    expect(cache.finds(Array(path.utf8)[5...], in: cache.root, as: entry))
    expect(cache.finds(bytes.span, in: cache.root, as: entry))
    expect(cache.finds(bytes.span.bytes, in: cache.root, as: entry))
  }

  @Test(arguments: ["", "a/b", "/", "a\0b", "\0"])
  func notAName(_ name: String) {
    expect(cache.misses(name, in: cache.root))
    let thrown = error { () throws(DcacheError) in
      _ = try cache.allocParallel(parent: cache.root, name: name)
    }
    expect(thrown == .invalidArgument)
    let resolved = error { () throws(DcacheError) in
      _ = try cache.resolve(parent: cache.root, name: name) { _ in .absent }
    }
    expect(resolved == .invalidArgument)
  }

  @Test func atMost255Bytes() throws {
    let longest = String(repeating: "x", count: 255)
    let entry = try cache.own(longest, in: cache.root).add(File(), kind: .regular)
    expect(entry.name == longest)
    expect(cache.finds(longest, in: cache.root, as: entry))

    for count in [256, 1000, 70_000] {
      let name = [UInt8](repeating: 120, count: count)
      expect(cache.misses(name, in: cache.root))
      let thrown = error { () throws(DcacheError) in
        _ = try cache.allocParallel(parent: cache.root, name: name)
      }
      expect(thrown == .fileNameTooLong)
    }
  }

  @Test(arguments: [".", ".."])
  func dotsAreNotResolved(_ name: String) {
    let calls = Counter()
    let thrown = error { () throws(DcacheError) in
      _ = try cache.resolve(parent: cache.root, name: name) { _ in
        calls.increment()
        return .absent
      }
    }
    expect(thrown == .invalidArgument)
    expect(calls.value == 0)
  }

  @Test(arguments: [[0xff, 0xfe], [0xc3], [0x80, 0x41], Array(1...46)] as [[UInt8]])
  func anyOtherByteIsGood(_ name: [UInt8]) throws {
    let entry = try cache.own(name, in: cache.root).add(File(), kind: .regular)
    expect(entry.nameBytes == name)
    expect(entry.name == String(decoding: name, as: UTF8.self))
    expect(entry.pathBytes == [0x2f] + name)
    expect(cache.finds(name, in: cache.root, as: entry))
  }

  @Test func namesThatDifferInOneByteDiffer() {
    expect(cache.misses("motD", in: cache.root))
    expect(cache.misses("mot", in: cache.root))
    expect(cache.misses("motdd", in: cache.root))
  }

  @Test func aHitAllocatesNothing() throws {
    // Long enough to be on the heap; and one that is stored in the String itself.
    let long = "a-name-that-is-longer-than-fifteen-bytes"
    _ = try cache.own(long, in: cache.root).add(File("long"), kind: .regular)
    let bytes = Array(long.utf8)
    let text = "/" + long
    let substring = text.dropFirst()

    func allocations(_ hit: () throws -> Void) rethrows -> Int {
      // The first time the runtime may set up types.
      try hit()
      mixed_count_allocations()
      for _ in 0..<100 { try hit() }
      return mixed_counted_allocations()
    }
    let root = cache.root.duplicate()
    let counts = try [
      allocations { _ = cache.lookup(parent: root, name: "motd")!.payload! },
      allocations { _ = cache.lookup(parent: root, name: long)!.payload! },
      allocations { _ = cache.lookup(parent: root, name: substring)!.isPositive },
      allocations { _ = cache.lookup(parent: root, name: bytes)!.isPositive },
      allocations { _ = cache.lookup(parent: root, name: bytes[...])!.isPositive },
      allocations { _ = cache.lookup(parent: root, name: bytes.span)!.isPositive },
      allocations { _ = cache.lookup(parent: root, name: bytes.span.bytes)!.isPositive },
      allocations { _ = try cache.resolve(parent: root, name: long) { _ in .absent }.isPositive },
      allocations {
        cache.withReadLock { section in
          _ = section.lookup(parent: root, name: long) { $0.payload!.label.utf8.count }
        }
      },
    ]

    // The instrument works, unless a sanitizer is in its place.
    mixed_count_allocations()
    let allocated = [UInt8](repeating: 1, count: .random(in: 1_000..<2_000))
    let works = mixed_counted_allocations()
    expect(works != 0)
    #expect(counts == Array(repeating: works > 0 ? 0 : -1, count: counts.count))
    expect(allocated.count >= 1_000)
  }
}
