// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// Visiting what is cached.
@Suite(.timeLimit(.minutes(10))) struct TreeTests {
  let census = Census()
  let cache: Cache

  init() throws {
    cache = try Store.small(census: census).cache()
    for path in ["usr/lib/x", "home/me/x", "link"] { _ = try cache.walk(path) }
    _ = try cache.walk("usr/none", options: .create)
  }

  private let all: Set = [
    "/", "/usr", "/usr/lib", "/usr/lib/x", "/usr/none", "/home", "/home/me", "/home/me/x", "/link",
  ]

  @Test func visitsAllOnce() throws {
    var paths: [String] = []
    let end = try cache.root.walkTree { entry in
      let path = entry.path
      let parent = entry.parent().path
      expect(path == "/" || paths.contains(parent))
      paths.append(path)
      return .continue
    }
    #expect(end == .complete)
    #expect(paths.count == all.count)
    #expect(Set(paths) == all)
  }

  @Test func skipsAndQuits() throws {
    var paths: Set<String> = []
    try cache.root.walkTree { entry in
      paths.insert(entry.path)
      return entry.path == "/usr" ? .skip : .continue
    }
    #expect(paths == all.filter { !$0.hasPrefix("/usr/") })
    var visits = 0
    let end = try cache.root.walkTree { _ in
      visits += 1
      return visits == 3 ? .quit : .continue
    }
    #expect(end == .quit)
    #expect(visits == 3)
  }

  @Test func whatAVisitThrowsEndsIt() throws {
    var visits = 0
    let thrown = error { () throws(DcacheError) in
      try cache.root.walkTree { _ throws(DcacheError) in
        visits += 1
        throw .interrupted
      }
    }
    #expect(thrown == .interrupted)
    #expect(visits == 1)
  }

  @Test func children() throws {
    let usr = try cache.walk("usr")
    var names: [String: Bool] = [:]
    let end = try usr.forEachChild { child in
      names[child.name] = child.isNegative
      return .skip
    }
    #expect(end == .complete)
    #expect(names == ["lib": false, "none": true])
    let quit = try cache.root.forEachChild { _ in .quit }
    #expect(quit == .quit)
    let x = try cache.walk("usr/lib/x")
    try x.forEachChild { _ in
      Issue.record("a file has no children")
      return .continue
    }
  }

  @Test func aVisitMayDoAnything() throws {
    var kept: [Shared] = []
    try cache.root.walkTree { entry throws(DcacheError) in
      if entry.isNegative || entry.name == "x" {
        entry.drop()
      } else {
        kept.append(Shared(entry.duplicate()))
      }
      _ = try cache.walk("usr/lib")
      return .continue
    }
    #expect(
      Set(kept.map { $0.dentry.path }) == all.filter { !$0.hasSuffix("/x") && $0 != "/usr/none" })
    kept.removeAll()
    expect(cache.isBare)
    #expect(census.population == 1)
  }

  /// Entries that stay are visited once, whatever else comes and goes.
  @Test func whileOthersComeAndGo() throws {
    let cache = cache
    let root = cache.sharedRoot
    let kept = try ["/usr", "/usr/lib", "/usr/lib/x", "/home", "/home/me", "/link"].map { path in
      Shared(try cache.walk(path, options: .noFollow))
    }
    let isOver = Gate()
    let changers = (0..<2).map { thread in
      TestThread {
        var round = 0
        while !isOver.isOpen {
          for parent in kept[0...1] {
            let entry = try! cache.resolve(parent: parent.dentry, name: "\(thread) \(round % 10)") {
              _ in .absent
            }
            if round.isMultiple(of: 3) { entry.drop() }
          }
          if round.isMultiple(of: 100) { cache.shrink(10) }
          round += 1
        }
      }
    }
    var failures = 0
    for _ in 0..<300 {
      var visits: [Shared: Int] = [:]
      let end = try root.dentry.walkTree { entry in
        visits[Shared(entry.duplicate()), default: 0] += 1
        return .continue
      }
      if end != .complete || kept.contains(where: { visits[$0] != 1 }) { failures += 1 }
    }
    isOver.open()
    for changer in changers { changer.join() }
    #expect(failures == 0)
  }
}
