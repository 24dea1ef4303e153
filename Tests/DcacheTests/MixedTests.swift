// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache
@_spi(CInterop) import Dcache
import MixedC
import Testing

/// C and Swift in one cache, on either side of a lookup.
@Suite(.timeLimit(.minutes(10))) struct MixedTests {
  let census = Census()
  let cache: Cache
  let root: Shared

  init() throws {
    cache = try makeCache(census)
    root = cache.sharedRoot
  }

  private func ended(
    by ending: mixed_ending, inode: consuming Inode<File>? = nil, alias: OpaquePointer? = nil,
    error: Int32 = 0
  ) throws -> [Result<Shared, DcacheError>] {
    let owner = try #require(mixed_owner_start(root.dentry.unsafePointer, "x"))
    let waiters = (0..<4).map { _ in cache.waiter("x", in: root) }
    cache.waitForWaiters(4)
    let raw: OpaquePointer?
    switch consume inode {
    case .some(let inode): raw = inode.unsafeTake()
    case .none: raw = nil
    }
    let status = mixed_owner_finish(owner, ending, raw, alias, error)
    expect(status == 0)
    return waiters.map { $0.join() }
  }

  @Test func swiftWaitsForCThatAdds() throws {
    let inode = try cache.makeInode(File("by C", census), kind: .regular, number: 3)
    let got = try ended(by: MIXED_ADD, inode: inode)
    for outcome in got {
      expect(outcome.entry?.dentry.payload?.label == "by C")
      expect(outcome.entry == got[0].entry)
    }
  }

  @Test func swiftWaitsForCThatAddsANegative() throws {
    for outcome in try ended(by: MIXED_ADD) { expect(outcome.entry?.dentry.isNegative == true) }
  }

  @Test func swiftWaitsForCThatFails() throws {
    for outcome in try ended(by: MIXED_FAIL, error: -13) {
      expect(outcome.failure == .permissionDenied)
    }
    expect(cache.isBare)
  }

  @Test func swiftWaitsForCThatRedirects() throws {
    let target = Shared(try cache.own("target", in: cache.root).add(File(), kind: .regular))
    let got = try ended(by: MIXED_REDIRECT, alias: target.dentry.unsafePointer)
    for outcome in got { expect(outcome.entry == target) }
  }

  @Test func swiftWaitsForCThatSplices() throws {
    let inode = try cache.makeInode(File("d", census), kind: .directory)
    let first = Shared(try cache.own("first", in: cache.root).add(inode.duplicate()))
    for outcome in try ended(by: MIXED_SPLICE, inode: inode) { expect(outcome.entry == first) }
    expect(first.dentry.path == "/x")
  }

  @Test func swiftWaitsForCThatGivesUp() throws {
    // They become owners one after the other, and all fail with what their backend says.
    for outcome in try ended(by: MIXED_DONE) { expect(outcome.failure == .notSupported) }
    expect(cache.isBare)
  }

  private func cOutcomes(
    _ end: (consuming InLookup<File>) throws -> Void
  ) throws -> [OpaquePointer?] {
    let token = try cache.own("x", in: cache.root)
    let waiters = (0..<4).map { _ in mixed_waiter_start(root.dentry.unsafePointer, "x") }
    cache.waitForWaiters(4)
    try end(token)
    return waiters.map { mixed_waiter_join($0) }
  }

  @Test func cWaitsForSwiftThatAdds() throws {
    for result in try cOutcomes({ _ = try $0.add(File("by Swift", census), kind: .regular) }) {
      let entry = Entry(unsafeConsuming: try #require(result))
      expect(entry.payload?.label == "by Swift")
    }
  }

  @Test func cWaitsForSwiftThatFails() throws {
    for result in try cOutcomes({ $0.fail(.ioError) }) {
      expect(IS_ERR(UnsafeRawPointer(result)))
      expect(PTR_ERR(UnsafeRawPointer(result)) == -5)
    }
    expect(cache.isBare)
  }

  @Test func cWaitsForSwiftThatRedirects() throws {
    let results = try cOutcomes { _ = try $0.addCI(name: "X", File("", census), kind: .regular) }
    for result in results {
      let entry = Entry(unsafeConsuming: try #require(result))
      expect(entry.path == "/X")
    }
  }

  @Test func cWaitsForSwiftThatForgets() throws {
    let token = try cache.own("x", in: cache.root)
    let waiter = mixed_waiter_start(root.dentry.unsafePointer, "x")
    cache.waitForWaiters(1)
    do { _ = consume token }
    // It is the owner now, and hands that over to Swift.
    let inherited = InLookup<File>(unsafeConsuming: try #require(mixed_waiter_join(waiter)))
    let entry = try inherited.add(File("", census), kind: .regular)
    expect(entry.path == "/x")
  }

  @Test func aLookupHandedToC() throws {
    let token = try cache.own("x", in: cache.root)
    let raw = token.unsafeTake()
    let inode = try cache.makeInode(File("", census), kind: .regular)
    expect(d_add(raw, inode.unsafeTake()) == 0)
    let entry = Entry(unsafeConsuming: raw)
    expect(cache.finds("x", in: cache.root, as: entry))
  }

  @Test func theInstanceInC() throws {
    var stats = dcache_stats()
    dcache_get_stats(cache.unsafeInstance, &stats)
    expect(stats.entries == 1)
    // Inodes of this module have no lookup operation: C asks through d_alloc_parallel.
    let result = "x".withCString { bytes in
      var name = qstr_init(bytes, 1)
      return lookup_one_unlocked(root.dentry.unsafePointer, &name, 0)
    }
    expect(PTR_ERR(UnsafeRawPointer(result)) == -95)
  }
}
