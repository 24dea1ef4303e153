// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// Creating and removing names in a locked directory.
@Suite(.timeLimit(.minutes(10))) struct DirectoryTests {
  let census = Census()
  let cache: Cache

  init() throws {
    cache = try makeCache(census)
  }

  private func create(_ name: String, kind: InodeKind = .regular, matching: NameMatching? = nil)
    throws(DcacheError) -> Entry
  {
    try cache.withDirectoryLock(cache.root) { directory throws(DcacheError) in
      try directory.create(name: name, File(name, census), kind: kind, matching: matching)
    }
  }

  @Test func creates() throws {
    let entry = try create("x")
    expect(entry.isPositive)
    expect(entry.path == "/x")
    expect(cache.finds("x", in: cache.root, as: entry))
  }

  @Test func createMakesANegativePositive() throws {
    let negative = try cache.withDirectoryLock(cache.root) { directory throws(DcacheError) in
      try directory.addNegative(name: "x")
    }
    expect(negative.isNegative)
    let entry = try create("x")
    expect(entry == negative)
    expect(negative.isPositive)
    expect(cache.statistics.negatives == 0)
  }

  @Test func createRefusesWhatIsThere() throws {
    let entry = try create("x")
    expect(error { () throws(DcacheError) in _ = try create("x") } == .fileExists)
    expect(error { () throws(DcacheError) in _ = try create("a/b") } == .invalidArgument)
    expect(error { () throws(DcacheError) in _ = try create("") } == .invalidArgument)
    let long = String(repeating: "x", count: 256)
    expect(error { () throws(DcacheError) in _ = try create(long) } == .fileNameTooLong)
    expect(entry.payload?.label == "x")
    cache.barrier()
    expect(census.population == 2)
  }

  @Test func createKeepsTheSpelling() throws {
    let directory = try create("d", kind: .directory, matching: .caseInsensitive)
    let negative = try cache.resolve(parent: directory, name: "README") { _ in .absent }
    let entry = try cache.withDirectoryLock(directory) { locked throws(DcacheError) in
      try locked.create(name: "readme", File("", census), kind: .regular)
    }
    expect(entry.name == "readme")
    expect(negative.isNegative)
    expect(!negative.isHashed)
    expect(cache.finds("ReadMe", in: directory, as: entry))
  }

  @Test func createWithOtherMatchingReplacesANegative() throws {
    let negative = try cache.resolve(parent: cache.root, name: "d") { _ in .absent }
    let entry = try create("d", kind: .directory, matching: .caseInsensitive)
    expect(entry != negative)
    let child = try cache.resolve(parent: entry, name: "A") { _ in .absent }
    expect(cache.finds("a", in: entry, as: child))
  }

  @Test func addNegativeReturnsWhatIsThere() throws {
    let entry = try create("x")
    let same = try cache.withDirectoryLock(cache.root) { directory throws(DcacheError) in
      try directory.addNegative(name: "x")
    }
    expect(same == entry)
    expect(entry.isPositive)
  }

  @Test func hardLinks() throws {
    let one = try create("one")
    let two = try cache.withDirectoryLock(cache.root) { directory throws(DcacheError) in
      try directory.create(name: "two", one.inode!)
    }
    expect(one != two)
    expect(one.payload === two.payload)
    expect(two.payload?.label == "one")
  }

  @Test func deletedByItsOnlyUser() throws {
    let entry = try create("x")
    try cache.withDirectoryLock(cache.root) { directory throws(DcacheError) in
      try directory.delete(cache.lookup(parent: cache.root, name: "nothing") ?? entry.duplicate())
    }
    // There were two users: the other keeps it.
    expect(entry.isPositive)
    expect(!entry.isHashed)
    expect(entry.payload?.label == "x")
    expect(cache.misses("x", in: cache.root))

    let second = try create("x")
    try Self.delete(second, in: cache)
    let left = try require(cache.lookup(parent: cache.root, name: "x"))
    expect(left.isNegative)
    cache.barrier()
    expect(census.population == 2)
  }

  private static func delete(_ entry: consuming Entry, in cache: Cache) throws {
    var entry: Entry? = consume entry
    try cache.withDirectoryLock(cache.root) { directory throws(DcacheError) in
      if let entry = entry.take() { try directory.delete(entry) }
    }
  }

  @Test func deleteOnlyHere() throws {
    let d = try create("d", kind: .directory)
    let thrown = error { () throws(DcacheError) in
      try cache.withDirectoryLock(d) { directory throws(DcacheError) in
        try directory.delete(d.duplicate())
      }
    }
    expect(thrown == .invalidArgument)
    let root = error { () throws(DcacheError) in
      try cache.withDirectoryLock(cache.root) { directory throws(DcacheError) in
        try directory.delete(cache.root.duplicate())
      }
    }
    expect(root == .invalidArgument)
    expect(d.isHashed)
  }

  @Test func onlyDirectoriesAreLocked() throws {
    let regular = try create("regular")
    let negative = try cache.resolve(parent: cache.root, name: "negative") { _ in .absent }
    expect(
      error { () throws(DcacheError) in
        try cache.withDirectoryLock(regular) { _ in }
      } == .notDirectory)
    expect(
      error { () throws(DcacheError) in
        try cache.withSharedDirectoryLock(regular) {}
      } == .notDirectory)
    expect(
      error { () throws(DcacheError) in
        try cache.withDirectoryLock(negative) { _ in }
      } == .noSuchFileOrDirectory)
    expect(
      error { () throws(DcacheError) in
        try cache.withSharedDirectoryLock(negative) {}
      } == .noSuchFileOrDirectory)
  }

  @Test func theLockIsGivenBackOnErrors() throws {
    for _ in 0..<3 {
      expect(
        error { () throws(DcacheError) in
          try cache.withDirectoryLock(cache.root) { _ throws(DcacheError) in throw .ioError }
        } == .ioError)
      expect(
        error { () throws(DcacheError) in
          try cache.withSharedDirectoryLock(cache.root) { () throws(DcacheError) in throw .ioError }
        } == .ioError)
    }
  }

  @Test func exclusiveExcludes() throws {
    let cache = cache
    let root = cache.sharedRoot
    let inside = Counter(), met = Counter()
    _ = concurrently(4) { thread in
      for _ in 0..<500 {
        try? cache.withDirectoryLock(root.dentry) { _ in
          if inside.increment() % 2 == 0 { met.increment() }
          inside.increment()
        }
      }
    }
    expect(met.value == 0)
    expect(inside.value == 4_000)
  }

  @Test func sharedDoesNotExclude() throws {
    let cache = cache
    let root = cache.sharedRoot
    let inside = Counter()
    let done = concurrently(4) { _ in
      try? cache.withSharedDirectoryLock(root.dentry) {
        inside.increment()
        wait { inside.value == 4 }
      }
    }
    expect(done.count == 4)
  }

  /// H13: once create has returned, no lookup answers that the name does not exist.
  @Test func createAgainstLookups() throws {
    let cache = cache, census = census
    let root = cache.sharedRoot
    let exists = Locked(Set<Int>())
    let wrong = concurrently(4) { thread in
      var wrong = 0
      for name in 0..<500 {
        if thread == 0 {
          _ = try! cache.withDirectoryLock(root.dentry) { directory throws(DcacheError) in
            try directory.create(name: "\(name)", File("", census), kind: .regular)
          }
          exists.with { _ = $0.insert(name) }
        } else {
          let wasThere = exists.with { $0.contains(name) }
          let entry = try! cache.resolve(parent: root.dentry, name: "\(name)") { _ in
            // The directory is locked: what the host says now stays true.
            exists.with { $0.contains(name) } ? .found(File("", census), kind: .regular) : .absent
          }
          if wasThere && entry.isNegative { wrong += 1 }
        }
      }
      return wrong
    }
    expect(wrong == [0, 0, 0, 0])
    expect(cache.isBare)
  }
}
