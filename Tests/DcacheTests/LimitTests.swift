// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

@Suite(.timeLimit(.minutes(10))) struct LimitTests {
  let census = Census()

  private func fill(_ cache: Cache, _ names: Range<Int>, isNegative: Bool = false) throws {
    for name in names {
      _ = try cache.resolve(parent: cache.root, name: "\(name)") { name in
        isNegative ? .absent : .found(File(name, census), kind: .regular)
      }
    }
  }

  @Test(
    arguments: [
      CacheOptions(maxNegatives: -1), CacheOptions(maxBytes: -1), CacheOptions(maxBytes: 1),
      CacheOptions(positiveTimeToLive: .zero), CacheOptions(negativeTimeToLive: .seconds(-1)),
    ])
  func outOfRange(_ options: CacheOptions) {
    #expect(throws: DcacheError.invalidArgument) { try makeCache(options: options) }
  }

  @Test(
    arguments: [
      CacheLimits(maxEntries: -1), CacheLimits(maxNegatives: -1), CacheLimits(maxBytes: -1),
      CacheLimits(maxBytes: 1),
    ])
  func limitsOutOfRange(_ limits: CacheLimits) throws {
    let cache = try makeCache()
    #expect(throws: DcacheError.invalidArgument) { try cache.setLimits(limits) }
  }

  @Test func entries() throws {
    let cache = try makeCache(census, options: CacheOptions(maxEntries: 100))
    try fill(cache, 0..<1000)
    #expect(cache.statistics.entries <= 100)
    #expect(cache.statistics.overLimit == 0)
    #expect(cache.statistics.evicted >= 900)
  }

  @Test func negatives() throws {
    let cache = try makeCache(census, options: CacheOptions(maxNegatives: 50))
    try fill(cache, 0..<200)
    try fill(cache, 1000..<2000, isNegative: true)
    #expect(cache.statistics.negatives <= 50)
    // They did not drive out what exists.
    #expect(cache.statistics.entries - cache.statistics.negatives == 201)
  }

  @Test func bytes() throws {
    let limit = 2 << 20
    let cache = try makeCache(census, options: CacheOptions(maxBytes: limit))
    for name in 0..<50_000 {
      _ = try cache.resolve(parent: cache.root, name: "\(name)") { _ in .absent }
    }
    cache.barrier()
    let statistics = cache.statistics
    #expect(statistics.bytes - statistics.pendingBytes <= UInt64(limit))
    #expect(statistics.entries < 50_000)
  }

  @Test func whatIsInUseStaysAndIsCounted() throws {
    let cache = try makeCache(census, options: CacheOptions(maxEntries: 10))
    var held: [Shared] = []
    for name in 0..<30 {
      held.append(
        Shared(
          try cache.resolve(parent: cache.root, name: "\(name)") { name in
            .found(File(name, census), kind: .regular)
          }))
    }
    #expect(cache.statistics.entries == 31)
    #expect(cache.statistics.overLimit == 21)
    #expect(held.allSatisfy { $0.dentry.isHashed })
    held.removeAll()
    try fill(cache, 100..<200)
    #expect(cache.statistics.entries <= 10)
    #expect(cache.statistics.overLimit == 0)
  }

  @Test func changed() throws {
    let cache = try makeCache(census)
    try fill(cache, 0..<500)
    try fill(cache, 500..<1000, isNegative: true)
    #expect(cache.statistics.entries == 1001)
    try cache.setLimits(CacheLimits(maxNegatives: 20))
    #expect(cache.statistics.negatives <= 20)
    #expect(cache.statistics.entries >= 501)
    try cache.setLimits(CacheLimits(maxEntries: 10))
    #expect(cache.statistics.entries <= 10)
    try cache.setLimits(CacheLimits())
    try fill(cache, 0..<1000)
    #expect(cache.statistics.entries == 1001)
  }

  /// The limit holds at any moment, but for what the threads hold.
  @Test func underAFlood() throws {
    let cache = try makeCache(census, options: CacheOptions(maxEntries: 200, maxNegatives: 100))
    let threads = 8
    let peaks = concurrently(threads) { thread in
      var peak: UInt64 = 0
      for round in 0..<3_000 {
        _ = try! cache.resolve(parent: cache.root, name: "\(thread) \(round)") { _ in .absent }
        peak = max(peak, cache.statistics.entries)
      }
      return peak
    }
    // Counters are read while others change them, and a thread has a new entry before it makes room.
    #expect(peaks.allSatisfy { $0 <= 200 + 4 * UInt64(threads) })
    #expect(cache.statistics.negatives <= 100)
    #expect(cache.isBare)
  }

  @Test func relieves() throws {
    let cache = try makeCache(census)
    try fill(cache, 0..<1000)
    #expect(cache.relieve(percent: 0) == 0)
    #expect(cache.relieve(percent: 101) == 0)
    #expect(cache.relieve(percent: -1) == 0)
    let freed = cache.relieve(percent: 50)
    #expect(freed > 0 && freed <= 600)
    #expect(cache.statistics.entries == 1001 - UInt64(freed))
  }

  @Test func shrinksBelow() throws {
    let cache = try makeCache(census)
    let directory = try cache.own("d", in: cache.root).add(File("", census), kind: .directory)
    try fill(cache, 0..<10)
    let held = try cache.own("held", in: directory).add(File("", census), kind: .regular)
    for name in 0..<20 {
      _ = try cache.own("\(name)", in: directory).addNegative()
    }
    #expect(try cache.shrinkChildren(of: directory) == 20)
    expect(cache.finds("held", in: directory, as: held))
    expect(directory.isHashed)
    #expect(cache.statistics.entries == 13)
    expect(!cache.misses("5", in: cache.root))
  }

  @Test func memoryPressure() throws {
    let cache = try makeCache(census)
    expectOutOfRange(cache, MemoryPressure(percent: 0))
    expectOutOfRange(cache, MemoryPressure(percent: -1))
    expectOutOfRange(cache, MemoryPressure(percent: 101))
    expectOutOfRange(cache, MemoryPressure(stall: .seconds(-1)))
    expectOutOfRange(cache, MemoryPressure(window: .seconds(100_000)))
    expectOutOfRange(cache, MemoryPressure(window: .milliseconds(1)))
    let none = error { () throws(DcacheError) in
      try cache.watchMemoryPressure(MemoryPressure(path: "/does/not/exist"))
    }
    #expect(none == .noSuchFileOrDirectory)
    // Kernels without pressure information, and those that let nobody watch it, are none to test on.
    let thrown = error { () throws(DcacheError) in try cache.watchMemoryPressure() }
    guard thrown == nil else { return }
    let again = error { () throws(DcacheError) in try cache.watchMemoryPressure() }
    #expect(again == .alreadyInProcess)
    cache.unwatchMemoryPressure()
    cache.unwatchMemoryPressure()
    let anew = error { () throws(DcacheError) in try cache.watchMemoryPressure() }
    #expect(anew == nil)
  }

  private func expectOutOfRange(_ cache: Cache, _ pressure: MemoryPressure) {
    let thrown = error { () throws(DcacheError) in try cache.watchMemoryPressure(pressure) }
    #expect(thrown == .invalidArgument, "\(pressure)")
  }

  @Test func counters() throws {
    let cache = try makeCache(census, options: CacheOptions(buckets: 100, inLookupBuckets: 10))
    let before = cache.statistics
    #expect(before.buckets == 128)
    #expect(before.inLookupBuckets == 16)
    #expect(before.inserted == 0)
    try fill(cache, 0..<10)
    try fill(cache, 10..<15, isNegative: true)
    let after = cache.statistics
    #expect(after.entries == 16)
    #expect(after.negatives == 5)
    #expect(after.unused == 15)
    #expect(after.inodes == 11)
    #expect(after.inserted == 15)
    #expect(after.lookupsStarted == 15)
    #expect(after.inLookup == 0)
    #expect(after.renames == 0)
    #expect(after.bytes > before.bytes)
  }

  @Test func tablesGrow() throws {
    let cache = try makeCache(census, options: CacheOptions(buckets: 2))
    try fill(cache, 0..<5000, isNegative: true)
    wait { cache.statistics.buckets >= 1024 }
    #expect(cache.statistics.resizes > 0)
    for name in 0..<5000 { expect(!cache.misses("\(name)", in: cache.root)) }
  }
}
