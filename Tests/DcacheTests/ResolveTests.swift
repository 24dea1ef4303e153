// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache
@_spi(CInterop) import Dcache
import Testing

@Suite(.timeLimit(.minutes(10))) struct ResolveTests {
  let census = Census()
  let cache: Cache
  let calls = Counter()

  init() throws {
    cache = try makeCache(census)
  }

  @Test func asksOnceAndRemembers() throws {
    for _ in 0..<3 {
      let entry = try cache.resolve(parent: cache.root, name: "x") { name in
        calls.increment()
        return .found(File(name, census), kind: .symlink, number: 6)
      }
      expect(entry.payload?.label == "x")
      expect(entry.kind == .symlink)
      expect(entry.inodeNumber == 6)
    }
    expect(calls.value == 1)
  }

  @Test func remembersWhatIsAbsent() throws {
    for _ in 0..<3 {
      let entry = try cache.resolve(parent: cache.root, name: "x") { _ in
        calls.increment()
        return .absent
      }
      expect(entry.isNegative)
    }
    expect(calls.value == 1)
  }

  @Test func doesNotRememberErrors() throws {
    for _ in 0..<3 {
      let thrown = error { () throws(DcacheError) in
        _ = try cache.resolve(parent: cache.root, name: "x") { _ throws(DcacheError) in
          calls.increment()
          throw .permissionDenied
        }
      }
      expect(thrown == .permissionDenied)
    }
    expect(calls.value == 3)
    expect(cache.isBare)
  }

  @Test func storedUnderAnotherSpelling() throws {
    let entry = try cache.resolve(parent: cache.root, name: "readme") { _ in
      .stored(name: Array("README".utf8), File("README", census), kind: .regular, number: 4)
    }
    expect(entry.path == "/README")
    expect(entry.inodeNumber == 4)
    let inode = try require(entry.inode)
    let again = try cache.resolve(parent: cache.root, name: "ReadMe") { _ in
      .storedKnown(name: Array("README".utf8), inode.duplicate())
    }
    expect(again == entry)
  }

  @Test func knownElsewhere() throws {
    let inode = try cache.makeInode(File("d", census), kind: .directory)
    let entry = try cache.resolve(parent: cache.root, name: "old") { _ in
      .known(inode.duplicate())
    }
    let moved = try cache.resolve(parent: cache.root, name: "new") { _ in
      .known(inode.duplicate())
    }
    expect(moved == entry)
    expect(entry.path == "/new")
  }

  @Test func whatCannotBeAddedIsThrown() throws {
    let directory = try cache.resolve(parent: cache.root, name: "d") { _ in
      .found(File("", census), kind: .directory, matching: .caseInsensitive)
    }
    let thrown = error { () throws(DcacheError) in
      _ = try cache.resolve(parent: directory, name: "x") { _ in
        .stored(name: [], File("", census), kind: .regular)
      }
    }
    expect(thrown == .invalidArgument)
    expect(cache.statistics.inLookup == 0)
    _ = try cache.resolve(parent: directory, name: "x") { _ in .absent }
    expect(
      cache.finds("X", in: directory, as: try require(cache.lookup(parent: directory, name: "x"))))
  }

  /// H1: 128 threads, one cold name: one call of the backend.
  @Test func oneCallForAllWhoMiss() throws {
    let cache = cache, calls = calls, census = census
    let parent = cache.sharedRoot
    let entries = concurrently(128) { _ in
      Shared(
        try! cache.resolve(parent: parent.dentry, name: "x") { _ in
          calls.increment()
          // It answers when all the others sleep.
          cache.waitForWaiters(127)
          return .found(File("", census), kind: .regular)
        })
    }
    expect(calls.value == 1)
    expect(Set(entries).count == 1)
    expect(cache.statistics.lookupsStarted == 1)
    expect(cache.statistics.lookupsWaited == 127)
    expect(cache.statistics.outcomesShared == 127)
    expect(census.births == 2)
  }

  /// H17: an answer that is overtaken is one for all who waited for it: they asked in time.
  @Test func oneOvertakenAnswerForAllWhoMiss() throws {
    let (cache, calls, census) = (cache, calls, census)
    let got = concurrently(16) { _ in
      let entry = try! cache.resolve(parent: cache.root, name: "x") { name throws(DcacheError) in
        calls.increment()
        cache.waitForWaiters(15)
        try cache.invalidate(name: name, in: cache.root)
        return .found(File("x", census), kind: .regular)
      }
      return Shared(entry)
    }
    expect(Set(got).count == 1)
    expect(calls.value == 1)
    expect(got[0].dentry.isStale && !got[0].dentry.isHashed)
  }

  /// H17: one call, and its error for everybody.
  @Test func oneErrorForAllWhoMiss() throws {
    let cache = cache, calls = calls
    let parent = cache.sharedRoot
    let errors = concurrently(32) { _ in
      error { () throws(DcacheError) in
        _ = try cache.resolve(parent: parent.dentry, name: "x") { _ throws(DcacheError) in
          calls.increment()
          cache.waitForWaiters(31)
          throw .ioError
        }
      }
    }
    expect(calls.value == 1)
    expect(errors == Array(repeating: .ioError, count: 32))
    expect(cache.isBare)
  }

  /// H17: one call, and the stored spelling's entry for everybody.
  @Test func oneRedirectForAllWhoMiss() throws {
    let cache = cache, calls = calls, census = census
    let parent = cache.sharedRoot
    let entries = concurrently(32) { _ in
      Shared(
        try! cache.resolve(parent: parent.dentry, name: "x") { _ in
          calls.increment()
          cache.waitForWaiters(31)
          return .stored(name: Array("X".utf8), File("", census), kind: .regular)
        })
    }
    expect(calls.value == 1)
    expect(Set(entries).count == 1)
    expect(entries[0].dentry.name == "X")
  }

  /// Different names of one directory are asked for side by side.
  @Test func differentNamesDoNotWaitForEachOther() throws {
    let cache = cache, calls = calls
    let parent = cache.sharedRoot
    let found = concurrently(8) { index in
      try! cache.resolve(parent: parent.dentry, name: "\(index)") { _ in
        calls.increment()
        // All are in their backend at once, or nobody comes out.
        wait { calls.value == 8 }
        return .absent
      }.isNegative
    }
    expect(found == Array(repeating: true, count: 8))
  }

  @Test func theDirectoryIsLockedMeanwhile() throws {
    let cache = cache
    let root = cache.sharedRoot
    let asked = Gate()
    let creating = TestThread {
      asked.pass()
      return try! cache.withDirectoryLock(root.dentry) { directory throws(DcacheError) in
        // The lookup has ended, so it cannot answer what is no longer true.
        let wasAbsent = cache.lookup(parent: root.dentry, name: "x")!.isNegative
        let entry = try directory.create(name: "x", File(), kind: .regular)
        return wasAbsent && entry.isPositive
      }
    }
    let entry = try cache.resolve(parent: root.dentry, name: "x") { _ in
      asked.open()
      return .absent
    }
    expect(creating.join())
    expect(entry.isPositive)
    expect(cache.finds("x", in: root.dentry, as: entry))
  }

  @Test func itIsLockedSharedAndOnlyIfWanted() throws {
    let directory = d_inode(cache.root.unsafePointer)
    _ = try cache.resolve(parent: cache.root, name: "shared") { _ in
      expect(!inode_trylock(directory))
      let isShared = inode_trylock_shared(directory)
      expect(isShared)
      if isShared { inode_unlock_shared(directory) }
      return .absent
    }
    for locking in [DirectoryLocking.none, .shared] {
      _ = try? cache.resolve(parent: cache.root, name: "\(locking)", locking: locking) {
        _ throws(DcacheError) in
        guard locking == .none else { throw .ioError }
        let isFree = inode_trylock(directory)
        expect(isFree)
        if isFree { inode_unlock(directory) }
        return .absent
      }
      // It is given back, after an error too.
      let isFree = inode_trylock(directory)
      expect(isFree)
      if isFree { inode_unlock(directory) }
    }
  }

  @Test func theCallerMayHoldTheLock() throws {
    let entry = try cache.withDirectoryLock(cache.root) { _ throws(DcacheError) in
      try cache.resolve(parent: cache.root, name: "x", locking: .none) { _ in .absent }
    }
    expect(entry.isNegative)
    let shared = try cache.withSharedDirectoryLock(cache.root) { () throws(DcacheError) in
      try cache.resolve(parent: cache.root, name: "x", locking: .none) { _ in .absent }
    }
    expect(shared == entry)
  }

  /// The backend resolves other directories' names on its way.
  @Test func resolvingWithinResolving() throws {
    let entry = try cache.resolve(parent: cache.root, name: "link") { _ throws(DcacheError) in
      let other = try cache.makeRoot(File("", census))
      let target = try cache.resolve(parent: other, name: "target") { _ in
        .found(File("target", census), kind: .regular)
      }
      return .known(target.inode!)
    }
    expect(entry.payload?.label == "target")
  }

  /// A tree, resolved from many threads at once while entries are being freed: every answer is right,
  /// and in the end nothing is left.
  @Test func aTreeUnderPressure() throws {
    let census = census
    let cache = try makeCache(census, options: CacheOptions(buckets: 64, maxEntries: 200))
    let failures = concurrently(8) { thread in
      var failures = 0
      var random = SystemRandomNumberGenerator()
      for _ in 0..<2_000 {
        var entry = cache.root.duplicate()
        var path = ""
        for _ in 0..<3 {
          let name = "\(Int.random(in: 0..<12, using: &random))"
          path += "/" + name
          let label = path
          entry = try! cache.resolve(parent: entry, name: name) { _ in
            .found(File(label, census), kind: .directory)
          }
        }
        if entry.payload?.label != path || entry.path != path { failures += 1 }
      }
      return failures
    }
    expect(failures == Array(repeating: 0, count: 8))
    expect(cache.isBare)
  }
}
