// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

@Suite(.timeLimit(.minutes(10))) struct WalkTests {
  let census = Census()
  let store: Store
  let cache: Cache

  init() throws {
    store = Store.small(census: census)
    cache = try store.cache()
  }

  private func walked(
    _ path: String, _ options: WalkOptions = []
  ) -> Result<String, DcacheError> {
    do throws(DcacheError) {
      return .success(try cache.walk(path, options: options).path)
    } catch {
      return .failure(error)
    }
  }

  @Test func asksForEachNameOnce() throws {
    for _ in 0..<3 {
      let entry = try cache.walk("usr/lib/x")
      expect(entry.path == "/usr/lib/x")
      expect(entry.inodeNumber == 7)
      expect(entry.payload?.label == "/usr/lib/x")
      #expect(store.calls.value == 3)
    }
    expect(try cache.walk("/usr/lib/x") == (try cache.walk("usr/lib/x")))
  }

  @Test(
    arguments: [
      ("/", "/"), (".", "/"), ("..", "/"), ("usr/.", "/usr"), ("usr/lib/..", "/usr"),
      ("/../usr//lib/", "/usr/lib"), ("usr/../home/me/x", "/home/me/x"), ("link", "/usr/lib/x"),
      ("usr/up/home", "/home"), ("home/me/absolute/x", "/usr/lib/x"),
    ])
  func leads(_ path: String, to end: String) {
    #expect(walked(path) == .success(end))
    #expect(walked(path) == .success(end))
  }

  @Test(
    arguments: [
      ("", DcacheError.invalidArgument), ("a\0b", .invalidArgument),
      ("nothing", .noSuchFileOrDirectory), ("nothing/x", .noSuchFileOrDirectory),
      ("nowhere", .noSuchFileOrDirectory), ("usr/lib/x/y", .notDirectory),
      ("usr/lib/x/", .notDirectory), ("loop", .tooManySymbolicLinkLevels),
      ("secret", .permissionDenied), ("secret/x", .permissionDenied),
      (String(repeating: "n", count: 256), .fileNameTooLong),
      (String(repeating: "/n", count: 3000), .fileNameTooLong),
    ])
  func fails(_ path: String, with error: DcacheError) {
    #expect(walked(path) == .failure(error))
    #expect(walked(path) == .failure(error))
  }

  @Test func options() throws {
    #expect(walked("link", .noFollow) == .success("/link"))
    #expect(walked("link/", .noFollow) == .failure(.notDirectory))
    #expect(walked("link", .noSymlinks) == .failure(.tooManySymbolicLinkLevels))
    #expect(walked("usr", .directory) == .success("/usr"))
    #expect(walked("link", .directory) == .failure(.notDirectory))
    #expect(walked("new", .create) == .success("/new"))
    expect(try cache.walk("new", options: .create).isNegative)
    #expect(walked("none/new", .create) == .failure(.noSuchFileOrDirectory))
    #expect(walked("usr/lib/x", [.directory, .noFollow]) == .failure(.notDirectory))
  }

  @Test func theCacheAlone() {
    #expect(walked("usr/lib/x", .cached) == .failure(.resourceTemporarilyUnavailable))
    #expect(store.calls.value == 0)
    #expect(walked("usr/lib/x") == .success("/usr/lib/x"))
    #expect(walked("usr/lib/x", .cached) == .success("/usr/lib/x"))
    #expect(store.calls.value == 3)
  }

  @Test func fromADirectory() throws {
    let me = try cache.walk("home/me")
    expect(try cache.walk("x", from: me).path == "/home/me/x")
    expect(try cache.walk("../..", from: me) == cache.root)
    expect(try cache.walk("/usr", from: me).path == "/usr")
    expect(try cache.walk("x", from: me, options: .beneath).path == "/home/me/x")
    for path in ["..", "/usr", "absolute", "absolute/x"] {
      let thrown = error { () throws(DcacheError) in
        _ = try cache.walk(path, from: me, options: .beneath)
      }
      #expect(thrown == .improperLink, "\(path)")
    }
    expect(try cache.walk("../../..", from: me, options: .inRoot) == me)
    expect(try cache.walk("/x", from: me, options: .inRoot).path == "/home/me/x")
  }

  @Test func underAnotherRoot() throws {
    let home = try cache.walk("home")
    let me = try cache.walk("me", from: home, root: home)
    expect(me.path == "/home/me")
    expect(try cache.walk("/me/x", from: me, root: home).path == "/home/me/x")
    expect(try cache.walk("../../..", from: me, root: home) == home)
    let usr = try cache.walk("usr")
    let outside = error { () throws(DcacheError) in
      _ = try cache.walk("lib", from: usr, root: home)
    }
    expect(outside == .improperLink)
  }

  @Test func entriesOfAnotherCacheAreRefused() throws {
    let other = try Store.small().cache()
    let thrown = error { () throws(DcacheError) in _ = try cache.walk("usr", from: other.root) }
    expect(thrown == .improperLink)
    let resolved = error { () throws(DcacheError) in
      _ = try cache.resolve(parent: other.root, name: "usr")
    }
    expect(resolved == .improperLink)
    let asked = error { () throws(DcacheError) in
      _ = try cache.resolve(parent: other.root, name: "usr") { _ in .absent }
    }
    expect(asked == .improperLink)
    let seen = error { () throws(DcacheError) in
      _ = try cache.withReadLock { section throws(DcacheError) in
        try section.walk("usr", root: other.root) { _ in true }
      }
    }
    expect(seen == .improperLink)
    let revalidated = error { () throws(DcacheError) in _ = try cache.revalidate(other.root) }
    expect(revalidated == .improperLink)
  }

  @Test func withoutABackend() throws {
    let cache = try makeCache(census)
    let thrown = error { () throws(DcacheError) in _ = try cache.walk("x") }
    expect(thrown == .notSupported)
    let resolved = error { () throws(DcacheError) in
      _ = try cache.resolve(parent: cache.root, name: "x")
    }
    expect(resolved == .notSupported)
    _ = try cache.own("x", in: cache.root).add(File("x", census), kind: .directory)
    expect(try cache.walk("x").path == "/x")
  }

  @Test func resolvingByTheBackend() throws {
    let usr = try cache.resolve(parent: cache.root, name: "usr")
    expect(usr.path == "/usr")
    let lib = try cache.withSharedDirectoryLock(usr) { () throws(DcacheError) in
      try cache.resolve(parent: usr, name: "lib", locking: .none)
    }
    expect(lib.path == "/usr/lib")
    expect(try cache.resolve(parent: usr, name: "none").isNegative)
    expect(try cache.resolve(parent: usr, name: "none").isNegative)
    #expect(store.calls.value == 3)
    for name in [".", ".."] {
      let thrown = error { () throws(DcacheError) in
        _ = try cache.resolve(parent: usr, name: name)
      }
      expect(thrown == .invalidArgument)
    }
  }

  @Test func answersOfAllKinds() throws {
    store.change("/README", to: .file(1))
    store.change("/readme", to: Store.Node(kind: .regular, number: 1, stored: "README"))
    let readme = try cache.walk("readme")
    expect(readme.path == "/README")
    expect(try cache.walk("README") == readme)
    for name in ["/one", "/two"] {
      store.change(name, to: Store.Node(kind: .regular, number: 12, isNumbered: true))
    }
    let one = try cache.walk("one")
    let two = try cache.walk("two")
    expect(one != two)
    expect(one.payload === two.payload)
    expect(two.payload?.label == "#12")
  }

  @Test func errorsThatAreNone() throws {
    store.change("/odd", to: Store.Node(error: DcacheError(rawValue: 0)))
    #expect(walked("odd") == .failure(.ioError))
  }

  @Test func linksAreReadByTheBackend() throws {
    for _ in 0..<3 { #expect(walked("link") == .success("/usr/lib/x")) }
    #expect(store.linkCalls.value == 3)
    let quick = Store.small(hasLinksAtHand: true)
    let cache = try quick.cache()
    for _ in 0..<3 { expect(try cache.walk("link").path == "/usr/lib/x") }
    #expect(quick.linkCalls.value == 0)
    quick.change("/far", to: .link(String(repeating: "/", count: 5000)))
    let thrown = error { () throws(DcacheError) in _ = try cache.walk("far") }
    expect(thrown == .fileNameTooLong)
  }

  @Test func theBackendIsAskedWhetherItIsTrue() throws {
    let store = Store.small(revalidates: true)
    for matching in [NameMatching.exact, .caseInsensitive] {
      let cache = try store.cache(options: CacheOptions(matching: matching))
      store.isTrue.with { $0 = .success(true) }
      _ = try cache.walk("usr/lib")
      let calls = store.calls.value
      let asked = store.revalidations.value
      _ = try cache.walk("usr/lib")
      expect(store.revalidations.value >= asked + 2)
      expect(store.calls.value == calls)
      store.isTrue.with { $0 = .success(false) }
      let usr = try require(cache.lookup(parent: cache.root, name: "usr"))
      let lib = try require(cache.lookup(parent: usr, name: "lib"))
      expect(try !cache.revalidate(lib))
      expect(!lib.isHashed)
      store.isTrue.with { $0 = .failure(.ioError) }
      let thrown = error { () throws(DcacheError) in _ = try cache.revalidate(usr) }
      expect(thrown == .ioError)
      expect(usr.isHashed)
      let walked = error { () throws(DcacheError) in _ = try cache.walk("usr") }
      expect(walked == .ioError)
    }
  }

  @Test func nothingIsLeft() throws {
    for path in ["usr/lib/x", "link", "home/me/absolute/x", "none", "secret"] {
      _ = walked(path)
    }
    #expect(census.population > 1)
    expect(cache.isBare)
    #expect(census.population == 1)
  }

  /// The cache goes while entries it gave out are still there.
  @Test func entriesOutliveTheBackend() throws {
    let census = Census()
    let entry = try Store.small(census: census).cache().walk("usr/lib/x")
    expect(entry.path == "/usr/lib/x")
    expect(entry.payload?.label == "/usr/lib/x")
  }
}

// MARK: - In read sections

extension WalkTests {
  private func seen(
    _ path: String, _ options: WalkOptions = [], in cache: Cache? = nil
  ) -> Result<String?, DcacheError> {
    let cache = cache ?? self.cache
    do throws(DcacheError) {
      return .success(
        try cache.withReadLock { section throws(DcacheError) in
          try section.walk(path, root: cache.root, options: options) { view in
            view.payload?.label ?? "absent"
          }
        })
    } catch {
      return .failure(error)
    }
  }

  @Test func seesWhatIsCached() throws {
    #expect(seen("usr/lib/x") == .success(nil))
    _ = walked("usr/lib/x")
    _ = walked("none")
    #expect(seen("usr/lib/x") == .success("/usr/lib/x"))
    #expect(seen("/usr/../usr/lib/x") == .success("/usr/lib/x"))
    #expect(seen("none") == .failure(.noSuchFileOrDirectory))
    #expect(seen("none", .create) == .success("absent"))
    #expect(seen("usr/lib/x/y") == .failure(.notDirectory))
    #expect(seen("") == .failure(.invalidArgument))
    #expect(store.calls.value == 4)
  }

  @Test func seesLinksThatAreAtHand() throws {
    _ = walked("link")
    #expect(seen("link") == .success(nil))
    #expect(seen("link", .noFollow) == .success("/link"))
    let cache = try Store.small(hasLinksAtHand: true).cache()
    _ = try cache.walk("link")
    #expect(seen("link", in: cache) == .success("/usr/lib/x"))
  }

  @Test func seesFromADirectory() throws {
    let me = try cache.walk("home/me")
    _ = try cache.walk("x", from: me)
    let label = try cache.withReadLock { section throws(DcacheError) in
      try section.walk("x", from: me, root: cache.root) { view in view.payload?.label } ?? nil
    }
    #expect(label == "/home/me/x")
    let beneath = error { () throws(DcacheError) in
      _ = try cache.withReadLock { section throws(DcacheError) in
        try section.walk("..", from: me, root: cache.root, options: .beneath) { _ in true }
      }
    }
    #expect(beneath == .improperLink)
  }

  @Test func keepsWhatItSees() throws {
    _ = walked("usr/lib/x")
    let entry = try cache.withReadLock { section throws(DcacheError) in
      try section.walk("usr/lib/x", root: cache.root) { view in view.dentry() } ?? nil
    }
    expect(try require(entry).path == "/usr/lib/x")
  }
}

// MARK: - Many threads

private func outcome<Value>(
  _ work: () throws(DcacheError) -> Value
) -> Result<Value, DcacheError> {
  do throws(DcacheError) {
    return .success(try work())
  } catch {
    return .failure(error)
  }
}

extension WalkTests {
  @Test func oneCallForEachNameOfAll() throws {
    let (cache, store) = (cache, store)
    let entries = concurrently(64) { _ in Shared(try! cache.walk("usr/lib/x")) }
    expect(Set(entries).count == 1)
    #expect(store.calls.value == 3)
  }

  /// Two directories are exchanged all the time. Each path leads to one of the two files, always.
  @Test func walksDuringMoves() throws {
    let (cache, store) = (cache, store)
    for name in ["a", "b"] {
      store.change("/\(name)", to: Store.Node())
      store.change("/\(name)/x", to: .file(name == "a" ? 1 : 2))
      _ = try cache.walk("\(name)/x")
    }
    let isOver = Gate()
    let mover = TestThread {
      let a = try! cache.walk("a")
      let b = try! cache.walk("b")
      var moves = 0
      while !isOver.isOpen {
        try! cache.withDirectoryLocks(cache.root, cache.root) { _, _ throws(DcacheError) in
          try cache.exchange(a, b)
        }
        moves += 1
      }
      return moves
    }
    let root = cache.sharedRoot
    let wrong = concurrently(4) { thread in
      var wrong: [String] = []
      for _ in 0..<5_000 {
        let path = thread.isMultiple(of: 2) ? "a/x" : "b/../b/x"
        let walked = outcome { () throws(DcacheError) in try cache.walk(path).inodeNumber }
        let seen = outcome { () throws(DcacheError) in
          try cache.withReadLock { section throws(DcacheError) in
            try section.walk(path, root: root.dentry) { view in view.inodeNumber } ?? 1
          }
        }
        // Nobody moves faster than a walk looks, again and again; if so, it says that.
        let possible: [Result<UInt64?, DcacheError>] = [
          .success(1), .success(2), .failure(.resourceTemporarilyUnavailable),
        ]
        if !possible.contains(walked) { wrong.append("\(walked)") }
        if !possible[..<2].contains(seen) { wrong.append("seen: \(seen)") }
      }
      return wrong
    }
    isOver.open()
    #expect(wrong == [[], [], [], []])
    let moves = mover.join()
    #expect(cache.statistics.renames == UInt64(moves))
    #expect(store.calls.value == 4)
  }

  /// Walks through a tree of which entries are being freed: every answer is right.
  @Test func walksUnderPressure() throws {
    let census = Census()
    let store = Store(census: census)
    for a in 0..<8 {
      store.change("/\(a)", to: Store.Node())
      for b in 0..<8 {
        store.change("/\(a)/\(b)", to: Store.Node())
        for c in 0..<8 { store.change("/\(a)/\(b)/\(c)", to: .file(UInt64(100 * a + 10 * b + c))) }
      }
    }
    let cache = try store.cache(options: CacheOptions(maxEntries: 50))
    let failures = concurrently(4) { _ in
      var failures = 0
      for _ in 0..<2_000 {
        let (a, b, c) = (
          UInt64.random(in: 0..<8), UInt64.random(in: 0..<8), UInt64.random(in: 0..<8)
        )
        // A walk that meets an entry which somebody is just freeing, and who does not get on with it,
        // may say so.
        var found: Result<UInt64?, DcacheError>
        repeat {
          found = outcome { () throws(DcacheError) in
            try cache.walk("\(a)/\(b)/\(c)").inodeNumber
          }
        } while found == .failure(.resourceTemporarilyUnavailable)
        if found != .success(100 * a + 10 * b + c) { failures += 1 }
      }
      return failures
    }
    #expect(failures == [0, 0, 0, 0])
    expect(cache.isBare)
    #expect(census.population == 1)
  }
}
