// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

@Suite(.timeLimit(.minutes(10))) struct RenameTests {
  let census = Census()
  let cache: Cache

  init() throws {
    cache = try makeCache(census)
  }

  private func make(
    _ name: String, in parent: borrowing Entry, kind: InodeKind = .directory
  ) throws(DcacheError) -> Entry {
    try cache.resolve(parent: parent, name: name) { name in
      .found(File(name, census), kind: kind)
    }
  }

  private func absent(_ name: String, in parent: borrowing Entry) throws(DcacheError) -> Entry {
    try cache.resolve(parent: parent, name: name) { _ in .absent }
  }

  @Test func takesTheOthersPlace() throws {
    let a = try make("a", in: cache.root)
    let b = try make("b", in: cache.root)
    let below = try make("below", in: a)
    let target = try absent("target", in: b)
    try cache.move(a, onto: target)
    expect(a.path == "/b/target")
    expect(below.path == "/b/target/below")
    expect(cache.finds("target", in: b, as: a))
    expect(cache.misses("a", in: cache.root))
    expect(!target.isHashed)
    expect(target.isNegative)
    expect(a.parent() == b)
    #expect(cache.statistics.renames == 1)
  }

  @Test func replacesAnEntry() throws {
    let old = try make("old", in: cache.root, kind: .regular)
    let new = try make("new", in: cache.root, kind: .regular)
    try cache.move(old, onto: new)
    expect(old.name == "new")
    expect(cache.finds("new", in: cache.root, as: old))
    // Whoever holds what was replaced still has it.
    expect(new.payload?.label == "new")
    expect(!new.isHashed)
  }

  @Test func whoeverWaitsForTheTargetGetsTheEntry() throws {
    let entry = try make("old", in: cache.root)
    let token = try cache.own("new", in: cache.root)
    let waiter = cache.waiter("new", in: cache.sharedRoot)
    cache.waitForWaiters(1)
    let target = token.target()
    try cache.move(entry, onto: target)
    let outcome = try #require(waiter.join().entry)
    expect(outcome.dentry == entry)
    expect(entry.path == "/new")
  }

  @Test func exchanges() throws {
    let a = try make("a", in: cache.root)
    let b = try make("b", in: cache.root)
    let x = try make("x", in: a, kind: .regular)
    let y = try make("y", in: b, kind: .regular)
    try cache.exchange(x, y)
    expect(x.path == "/b/y")
    expect(y.path == "/a/x")
    expect(cache.finds("x", in: a, as: y))
    expect(cache.finds("y", in: b, as: x))
  }

  @Test func refuses() throws {
    let a = try make("a", in: cache.root)
    let below = try make("below", in: a)
    let other = try makeCache()
    let foreign = try other.own("x", in: other.root).add(File(), kind: .regular)
    expect(error { () throws(DcacheError) in try cache.move(a, onto: a) } == .invalidArgument)
    expect(
      error { () throws(DcacheError) in try cache.move(cache.root, onto: a) } == .invalidArgument)
    expect(
      error { () throws(DcacheError) in try cache.move(a, onto: below) }
        == .tooManySymbolicLinkLevels)
    expect(error { () throws(DcacheError) in try cache.move(a, onto: foreign) } == .improperLink)
    expect(error { () throws(DcacheError) in try cache.exchange(a, a) } == .invalidArgument)
    expect(
      error { () throws(DcacheError) in try cache.exchange(a, below) }
        == .tooManySymbolicLinkLevels)
    expect(
      error { () throws(DcacheError) in try cache.exchange(foreign, a) } == .improperLink)
    let dropped = try make("dropped", in: cache.root)
    dropped.drop()
    expect(error { () throws(DcacheError) in try cache.exchange(a, dropped) } == .invalidArgument)
    expect(a.path == "/a")
    expect(below.path == "/a/below")
    #expect(cache.statistics.renames == 0)
  }

  @Test func aboveAndBelow() throws {
    let a = try make("a", in: cache.root)
    let b = try make("b", in: a)
    let c = try make("c", in: cache.root)
    expect(b.isDescendant(of: a) && b.isDescendant(of: cache.root))
    expect(!a.isDescendant(of: b) && !a.isDescendant(of: a) && !c.isDescendant(of: a))
    expect(a.isAncestor(of: b) && cache.root.isAncestor(of: b))
    expect(!b.isAncestor(of: a) && !a.isAncestor(of: a) && !a.isAncestor(of: c))
    expect(a.isInSubtree(of: a) && b.isInSubtree(of: a) && !a.isInSubtree(of: b))
  }

  @Test func nothingIsLeft() throws {
    do {
      let a = try make("a", in: cache.root)
      for index in 0..<100 {
        let name = index.isMultiple(of: 2) ? String(repeating: "n", count: 100) : "b"
        try cache.move(a, onto: try absent(name, in: cache.root))
      }
    }
    expect(cache.isBare)
    #expect(census.population == 1)
  }
}

// MARK: - Paths

extension RenameTests {
  @Test func pathsFromADirectory() throws {
    let a = try make("a", in: cache.root)
    let b = try make("b", in: a)
    let c = try make("c", in: b)
    #expect(try c.path(relativeTo: a).description == "/b/c")
    #expect(try c.path(relativeTo: cache.root).description == "/a/b/c")
    #expect(try c.path(relativeTo: c).description == "/")
    #expect(try !c.path(relativeTo: c).isDeleted)
    #expect(try cache.root.path(relativeTo: cache.root).description == "/")
    let other = try make("other", in: cache.root)
    let thrown = error { () throws(DcacheError) in _ = try c.path(relativeTo: other) }
    #expect(thrown == .improperLink)
  }

  /// The words at the end may be a part of the name.
  @Test(
    arguments: [
      "x", "x (deleted)", " (deleted)", "(deleted)", " (deleted) (deleted)",
      String(repeating: "n", count: 246) + "(deleted)", String(repeating: "n", count: 255),
    ])
  func deletion(_ name: String) throws {
    let directory = try make("directory", in: cache.root)
    let entry = try make(name, in: directory, kind: .regular)
    for parent in [Shared(directory.duplicate()), cache.sharedRoot] {
      let prefix = parent.dentry == directory ? "/" : "/directory/"
      if !entry.isHashed { try entry.rehash() }
      let path = try entry.path(relativeTo: parent.dentry)
      #expect(path.description == prefix + name)
      #expect(!path.isDeleted)
      entry.drop()
      let former = try entry.path(relativeTo: parent.dentry)
      #expect(former.bytes == path.bytes)
      #expect(former.isDeleted)
    }
  }

  @Test func longPaths() throws {
    var entry = cache.root.duplicate()
    let name = String(repeating: "n", count: 255)
    for _ in 0..<50 { entry = try make(name, in: entry) }
    let path = try entry.path(relativeTo: cache.root)
    #expect(path.description == String(repeating: "/" + name, count: 50))
    #expect(path.description == entry.path)
  }

  /// H35: what is being renamed is never said to be deleted.
  @Test func pathsDuringMoves() throws {
    let cache = cache
    let a = try make("a", in: cache.root)
    let b = try make("b", in: cache.root)
    let entry = Shared(try make("entry", in: a, kind: .regular))
    let places = [
      Shared(try absent("name", in: b)), Shared(try absent("a longer name", in: a)),
      Shared(try absent("entry", in: b)),
    ]
    let isOver = Gate()
    let mover = TestThread {
      var moves = 0
      while !isOver.isOpen {
        // The target stays where it was, so it can be taken the place of again.
        try! cache.move(entry.dentry, onto: places[moves % 3].dentry)
        moves += 1
      }
      return moves
    }
    let possible: Set = ["/a/entry", "/b/name", "/a/a longer name", "/b/entry"]
    var wrong: [DentryPath] = []
    for _ in 0..<5_000 {
      let path = try entry.dentry.path(relativeTo: cache.root)
      if path.isDeleted || !possible.contains(path.description) { wrong.append(path) }
    }
    isOver.open()
    let moves = mover.join()
    #expect(cache.statistics.renames == UInt64(moves))
    #expect(wrong == [])
  }
}

// MARK: - Locking two directories

extension RenameTests {
  @Test func locksBoth() throws {
    let a = try make("a", in: cache.root)
    let b = try make("b", in: a)
    func rename(
      from: borrowing LockedDirectory<File>, to: borrowing LockedDirectory<File>
    ) throws(DcacheError) -> String {
      let entry = try from.create(name: "old", File("", census), kind: .regular)
      try cache.move(entry, onto: try to.addNegative(name: "new"))
      let path = entry.path
      try to.delete(entry)
      return path
    }
    let down = try cache.withDirectoryLocks(a, b) { a, b throws(DcacheError) in
      try rename(from: a, to: b)
    }
    let up = try cache.withDirectoryLocks(b, a) { b, a throws(DcacheError) in
      try rename(from: b, to: a)
    }
    #expect(down == "/a/b/new")
    #expect(up == "/a/new")
  }

  @Test func locksOneOnce() throws {
    let name = try cache.withDirectoryLocks(cache.root, cache.root) { a, b throws(DcacheError) in
      let entry = try a.create(name: "x", File("", census), kind: .regular)
      try cache.move(entry, onto: b.addNegative(name: "y"))
      return entry.name
    }
    expect(name == "y")
    // It is free again.
    try cache.withDirectoryLock(cache.root) { _ in }
  }

  @Test func whatIsNoDirectory() throws {
    let file = try make("file", in: cache.root, kind: .regular)
    let none = try absent("none", in: cache.root)
    let noDirectory = error { () throws(DcacheError) in
      try cache.withDirectoryLocks(cache.root, file) { _, _ in }
    }
    expect(noDirectory == .notDirectory)
    let negative = error { () throws(DcacheError) in
      try cache.withDirectoryLocks(none, cache.root) { _, _ in }
    }
    expect(negative == .noSuchFileOrDirectory)
    try cache.withDirectoryLock(cache.root) { _ in }
  }

  /// Threads rename to and fro between directories that lie in each other, in both orders, while others
  /// look up names on their way down: nobody waits for ever, and nothing gets lost.
  @Test func allAtOnce() throws {
    let cache = cache, census = census
    let upper = Shared(try make("upper", in: cache.root))
    let lower = Shared(try make("lower", in: upper.dentry))
    let failures = concurrently(6) { thread in
      var failures = 0
      for round in 0..<500 {
        let name = "\(thread)"
        let (from, to) = (thread + round).isMultiple(of: 2) ? (upper, lower) : (lower, upper)
        if thread < 4 {
          let moved = error { () throws(DcacheError) in
            try cache.withDirectoryLocks(from.dentry, to.dentry) { from, to throws(DcacheError) in
              let entry = try from.create(name: name, File(name, census), kind: .regular)
              let target = try to.addNegative(name: name)
              try cache.move(entry, onto: target)
              try to.delete(entry)
            }
          }
          if moved != nil { failures += 1 }
        } else {
          let found = error { () throws(DcacheError) in
            let inner = try cache.resolve(parent: upper.dentry, name: "lower") { _ in .absent }
            if inner.isNegative { throw .ioError }
            _ = try cache.resolve(parent: inner, name: "\(round)") { _ in .absent }
          }
          if found != nil { failures += 1 }
        }
      }
      return failures
    }
    #expect(failures == [0, 0, 0, 0, 0, 0])
  }
}
