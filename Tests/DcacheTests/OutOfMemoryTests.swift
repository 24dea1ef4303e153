// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import MixedC
import Testing

/// The n-th allocation of the core fails, for every n, through each call: the error is thrown, and
/// nothing is lost. In a process of their own, since the failure is the process's. In a build that is
/// not the checked one they do nothing.
@Suite(.timeLimit(.minutes(10))) struct OutOfMemoryTests {
  /// Run `work` with the first, the second, … allocation failing until none does.
  private static func sweep(
    _ what: String, make: (Census) throws -> Cache = { try makeCache($0) },
    _ work: (Cache, Census) throws(DcacheError) -> Void
  ) {
    for nth in 1..<100 {
      let census = Census()
      let cache: Cache
      do {
        cache = try make(census)
      } catch {
        Issue.record(error, "no cache for \(what), allocation \(nth)")
        return
      }
      guard mixed_fail_allocation(nth) else { return }
      let thrown = error { () throws(DcacheError) in try work(cache, census) }
      let failed = mixed_allocation_failed()
      #expect(thrown == (failed ? .noMemory : nil), "\(what), allocation \(nth)")
      expect(cache.isBare)
      #expect(census.population == 1, "\(what), allocation \(nth)")
      if !failed { return }
    }
    Issue.record("\(what) allocates without end")
  }

  @Test func making() async {
    await #expect(processExitsWith: .success) {
      for nth in 1..<100 {
        let census = Census()
        guard mixed_fail_allocation(nth) else { return }
        let thrown = error { () throws(DcacheError) in
          _ = try Cache(root: File("", census))
        }
        let failed = mixed_allocation_failed()
        #expect(thrown == (failed ? .noMemory : nil), "allocation \(nth)")
        wait { census.population == 0 }
        if !failed { return }
      }
    }
  }

  @Test func makingInodesAndRoots() async {
    await #expect(processExitsWith: .success) {
      Self.sweep("makeRoot") { cache, census throws(DcacheError) in
        _ = try cache.makeRoot(File("", census))
      }
      Self.sweep("makeInode") { cache, census throws(DcacheError) in
        _ = try cache.makeInode(File("", census), kind: .regular)
      }
      Self.sweep("obtainAlias") { cache, census throws(DcacheError) in
        let inode = try cache.makeInode(File("", census), kind: .regular)
        _ = try cache.obtainAlias(of: inode)
      }
    }
  }

  @Test func resolving() async {
    await #expect(processExitsWith: .success) {
      let long = String(repeating: "n", count: 200)
      Self.sweep("absent") { cache, _ throws(DcacheError) in
        _ = try cache.resolve(parent: cache.root, name: "x") { _ in .absent }
      }
      Self.sweep("found") { cache, census throws(DcacheError) in
        _ = try cache.resolve(parent: cache.root, name: long) { _ in
          .found(File("", census), kind: .regular)
        }
      }
      Self.sweep("stored") { cache, census throws(DcacheError) in
        _ = try cache.resolve(parent: cache.root, name: "x") { _ in
          .stored(name: Array(long.utf8), File("", census), kind: .regular)
        }
      }
      Self.sweep("known") { cache, census throws(DcacheError) in
        let inode = try cache.makeInode(File("", census), kind: .directory)
        for name in ["old", long] {
          _ = try cache.resolve(parent: cache.root, name: name) { _ in .known(inode.duplicate()) }
        }
      }
      Self.sweep("storedKnown") { cache, census throws(DcacheError) in
        let inode = try cache.makeInode(File("", census), kind: .directory)
        _ = try cache.resolve(parent: cache.root, name: "x") { _ in
          .storedKnown(name: [0x58], inode.duplicate())
        }
      }
    }
  }

  @Test func resolvingInTasks() async {
    await #expect(processExitsWith: .success) {
      let long = String(repeating: "n", count: 200)
      await Self.sweep("found") { cache, census async throws(DcacheError) in
        _ = try await cache.resolve(parent: cache.root, name: long) { _ in
          .found(File("", census), kind: .regular)
        }
      }
      await Self.sweep("found in time") { cache, census async throws(DcacheError) in
        _ = try await cache.resolve(parent: cache.root, name: long, until: .now + .seconds(1000)) {
          _ in .found(File("", census), kind: .regular)
        }
      }
      await Self.sweep("stored") { cache, census async throws(DcacheError) in
        _ = try await cache.resolve(parent: cache.root, name: "x") { _ in
          .stored(name: Array(long.utf8), File("", census), kind: .regular)
        }
      }
      await Self.sweep("allocParallel") { cache, census async throws(DcacheError) in
        guard let token = try await cache.allocParallel(parent: cache.root, name: long).owned()
        else { throw .ioError }
        _ = try await token.addCI(name: "X", File("", census), kind: .regular)
      }
      await Self.sweep("allocParallelNow") { cache, census async throws(DcacheError) in
        guard let token = try cache.allocParallelNow(parent: cache.root, name: long).owned()
        else { throw .ioError }
        _ = try token.addNegative()
      }
    }
  }

  /// The same, for what suspends.
  private static func sweep(
    _ what: String, _ work: (Cache, Census) async throws(DcacheError) -> Void
  ) async {
    for nth in 1..<100 {
      let census = Census()
      guard let cache = try? makeCache(census) else {
        Issue.record("no cache for \(what), allocation \(nth)")
        return
      }
      guard mixed_fail_allocation(nth) else { return }
      var thrown: DcacheError?
      do throws(DcacheError) {
        try await work(cache, census)
      } catch {
        thrown = error
      }
      let failed = mixed_allocation_failed()
      #expect(thrown == (failed ? .noMemory : nil), "\(what), allocation \(nth)")
      await cache.suspendUntilBare()
      await cache.suspendForPayloads(census, 1)
      if !failed { return }
    }
    Issue.record("\(what) allocates without end")
  }

  /// A task that waits while its owner's answer finds no memory gets the owner's error.
  @Test func addingForTasksThatWait() async {
    await #expect(processExitsWith: .success) {
      for nth in 1..<100 {
        let census = Census()
        let cache = try makeCache(census)
        let token = try require(
          try await cache.allocParallel(parent: cache.root, name: "x").owned())
        let waiter = cache.waitingTask("x", in: cache.sharedRoot)
        await cache.suspendForWaiters(1)
        guard mixed_fail_allocation(nth) else {
          token.abandon()
          _ = await waiter.value
          return
        }
        let thrown = error(consuming: token) { token throws(DcacheError) in
          _ = try token.add(File("", census), kind: .regular)
        }
        let failed = mixed_allocation_failed()
        let outcome = await waiter.value
        #expect(thrown == (failed ? .noMemory : nil))
        #expect(outcome.failure == thrown)
        if !failed { return }
      }
    }
  }

  @Test func creating() async {
    await #expect(processExitsWith: .success) {
      Self.sweep("create") { cache, census throws(DcacheError) in
        try cache.withDirectoryLock(cache.root) { directory throws(DcacheError) in
          try directory.create(name: "x", File("", census), kind: .regular)
          try directory.addNegative(name: "y")
          try directory.create(name: "y", File("", census), kind: .regular)
          try directory.addNegative(name: "z")
          try directory.create(
            name: "z", File("", census), kind: .directory, matching: .caseInsensitive)
        }
      }
    }
  }

  @Test func inodesByNumber() async {
    await #expect(processExitsWith: .success) {
      Self.sweep("inode") { cache, census throws(DcacheError) in
        _ = try cache.inode(number: 7) { () in (File("", census), .regular) }
      }
      Self.sweep("numbered") { cache, census throws(DcacheError) in
        for name in ["x", "y"] {
          _ = try cache.resolve(parent: cache.root, name: name) { _ in
            .numbered(7) { (File("", census), .directory) }
          }
        }
      }
    }
  }

  /// The whole way up from an entry without a place: directories without one are made, looked up under
  /// names of both kinds, and moved there. Where there was no memory, the second attempt goes on.
  @Test func reconnecting() async {
    await #expect(processExitsWith: .success) {
      Self.sweep(
        "reconnect",
        make: { try Cache(root: File("0", $0), backend: InodeTests.Deep(census: $0)) }
      ) { cache, census throws(DcacheError) in
        let inode = try cache.inode(number: 3) { () in (File("3", census), .directory) }
        let entry = try cache.obtainAlias(of: inode)
        var failure: DcacheError?
        for _ in 1...2 where entry.isDisconnected {
          do throws(DcacheError) {
            try Self.reconnect(entry, in: cache, census)
          } catch {
            failure = error
          }
        }
        if entry.isDisconnected { throw .ioError }
        if let failure { throw failure }
      }
    }
  }

  private static func reconnect(
    _ entry: borrowing Entry, in cache: Cache, _ census: Census
  ) throws(DcacheError) {
    try cache.reconnect(entry) { child throws(DcacheError) in
      guard child.number > 1 else {
        guard let root = cache.root.inode else { throw .ioError }
        return root
      }
      let number = child.number - 1
      return try cache.inode(number: number) { () in (File("\(number)", census), .directory) }
    } name: { child, _ in
      let noughts = String(repeating: "0", count: child.number == 2 ? 200 : 0)
      return Array("d\(noughts)\(child.number)".utf8)
    }
  }

  @Test func walking() async {
    await #expect(processExitsWith: .success) {
      Self.sweep("walk", make: { try Store.small(census: $0).cache() }) {
        cache, _ throws(DcacheError) in
        _ = try cache.walk("usr/../link")
        _ = try cache.walk("home/me/absolute/x")
      }
      Self.sweep(
        "stored",
        make: { census in
          let store = Store.small(census: census)
          let name = String(repeating: "N", count: 200)
          store.change("/n", to: Store.Node(kind: .regular, number: 1, stored: name))
          return try store.cache()
        }
      ) { cache, _ throws(DcacheError) in
        _ = try cache.walk("n")
      }
    }
  }

  @Test func listing() async {
    await #expect(processExitsWith: .success) {
      let long = String(repeating: "n", count: 200)
      Self.sweep("list") { cache, census throws(DcacheError) in
        try cache.list(cache.root) { listing throws(DcacheError) in
          try listing.add(name: "x", File("", census), kind: .directory)
          try listing.add(name: long, number: 12) { () in (File("", census), .regular) }
        }
        if !cache.root.isComplete { throw .ioError }
      }
    }
  }

  @Test func movingAndVisiting() async {
    await #expect(processExitsWith: .success) {
      Self.sweep("move") { cache, census throws(DcacheError) in
        try cache.withDirectoryLocks(cache.root, cache.root) { here, there throws(DcacheError) in
          let entry = try here.create(name: "x", File("", census), kind: .directory)
          let other = try here.create(name: "y", File("", census), kind: .directory)
          try cache.exchange(entry, other)
          try cache.move(entry, onto: try there.addNegative(name: "z"))
          _ = try entry.path(relativeTo: cache.root)
        }
      }
      Self.sweep("walkTree") { cache, census throws(DcacheError) in
        for name in ["x", "y"] {
          _ = try cache.resolve(parent: cache.root, name: name) { _ in
            .found(File("", census), kind: .directory)
          }
        }
        try cache.root.walkTree { entry in entry.isHashed ? .skip : .continue }
        try cache.root.forEachChild { _ in .continue }
        try cache.shrinkChildren(of: cache.root)
      }
    }
  }

  /// Those who wait get the error of the owner that could not add.
  @Test func addingForThoseWhoWait() async {
    await #expect(processExitsWith: .success) {
      for nth in 1..<100 {
        let census = Census()
        let cache = try makeCache(census)
        let token = try cache.own("x", in: cache.root)
        let waiter = cache.waiter("x", in: cache.sharedRoot)
        cache.waitForWaiters(1)
        guard mixed_fail_allocation(nth) else {
          token.abandon()
          _ = waiter.join()
          return
        }
        let thrown = error(consuming: token) { token throws(DcacheError) in
          _ = try token.add(File("", census), kind: .regular)
        }
        let failed = mixed_allocation_failed()
        let outcome = waiter.join()
        #expect(thrown == (failed ? .noMemory : nil))
        #expect(outcome.failure == thrown)
        if !failed { return }
      }
    }
  }
}
