// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc
import Synchronization
import Testing

@testable import DcacheFileSystem

// One after the other: a user may have 128 instances of inotify's.

/// Changes at the moments that count: between a watch, a question, its answer and its being cached, and
/// while events are acted upon.
@Suite(.serialized) struct RaceTests {
  let tree: Tree

  init() throws {
    tree = try Tree()
    tree.make(directory: "d")
    tree.make(directory: "other")
    tree.write("d/f", "f")
    tree.write("other/f", "other")
    tree.make(directory: "d/e")
    tree.write("d/e/g", "g")
    tree.make(link: "d/l", to: "f")
  }

  /// What happens to a name while it is asked for.
  enum Change: CaseIterable {
    case create, remove, write, chmod, replace, becomeDirectory, becomeLink, moveDirectory,
      replaceDirectory, linkElsewhere, nothing
  }

  private func make(_ change: Change) {
    switch change {
    case .create: tree.write("d/new", "new")
    case .remove: tree.remove(name: "d/f")
    case .write: tree.write("d/f", "longer")
    case .chmod: tree.setMode("d/f", 0o600)
    case .replace: tree.rename("other/f", "d/f")
    case .becomeDirectory:
      tree.remove(name: "d/f")
      tree.make(directory: "d/f")
    case .becomeLink:
      tree.remove(name: "d/f")
      tree.make(link: "d/f", to: "e/g")
    case .moveDirectory: tree.rename("d", "x")
    case .replaceDirectory:
      tree.rename("d", "x")
      tree.rename("other", "d")
    case .linkElsewhere: tree.make(otherName: "other/h", of: "d/f")
    case .nothing: break
    }
  }

  private static func directory(of name: String) -> String {
    String(name[..<(name.lastIndex(of: "/") ?? name.startIndex)])
  }

  /// What is asked, and where the answer comes from.
  static let asked = ["d/f", "d/new", "d/l", "d", "d/e/g"]

  private func answer(_ files: CachedFileSystem, _ name: String) -> [Result<Seen, Code>] {
    [true, false].map { files.seen(tree.at(name), followingSymlinks: $0) }
  }

  private func truth(_ name: String) -> [Result<Seen, Code>] {
    [true, false].map { Host.status(tree.at(name), followingSymlinks: $0) }
  }

  @Test(
    arguments: Change.allCases, [ProbePoint.watched, .asking, .asked])
  func `a change while the host is asked`(change: Change, point: ProbePoint) throws {
    for name in Self.asked {
      // 0: names are not cached yet. 1: their status is not. 2: all is. Drained: before the answer comes, too.
      for isDrained in [false, true] {
        for calls in 0..<3 {
          let race = try RaceTests()
          try race.race(change, point, name, callsBefore: calls, isDrained: isDrained)
        }
      }
    }
  }

  private func race(
    _ change: Change, _ point: ProbePoint, _ name: String, callsBefore: Int, isDrained: Bool
  ) throws {
    let trap = Trap()
    let files = try CachedFileSystem(
      root: "/", directory: tree.path, options: .init(), probe: trap.probe, tellsOfMounts: false)
    // One question each, so that the next one is asked as well: the first brings the names only.
    for _ in 0..<callsBefore { _ = files.seen(tree.at(name)) }
    let place = name == "d/l" ? "d/f" : name
    trap.set(at: point, point == .watched ? Self.directory(of: place) : place) {
      self.make(change)
      if isDrained { files.feed.refresh() }
    }
    // Of the call that is under way any answer will do that was true meanwhile.
    _ = answer(files, name)
    // A directory is watched for its status as well.
    let isAsked =
      callsBefore == 0
      || (callsBefore == 1 && name != "d/new" && (point != .watched || name == "d"))
    #expect(trap.hasSprung == isAsked, "\(change) \(point) \(name) \(callsBefore)")
    trap.clear()
    for _ in 0..<3 {
      for name in Self.asked {
        #expect(answer(files, name) == truth(name), "\(change) \(point) \(name)")
      }
    }
  }

  @Test(arguments: [ProbePoint.asking, .asked], [false, true])
  func `names come and go while a directory is listed`(point: ProbePoint, isDrained: Bool) throws {
    let trap = Trap()
    let files = try CachedFileSystem(
      root: "/", directory: tree.path, options: .init(), probe: trap.probe, tellsOfMounts: false)
    _ = files.seen(tree.at("d/e"))
    trap.set(at: point, "/d") {
      self.tree.write("d/new")
      self.tree.remove(name: "d/f")
      if isDrained { files.feed.refresh() }
    }
    _ = try files.entries(of: "d")
    trap.clear()
    #expect(try files.names("d") == ["e", "l", "new"])
    #expect(try files.exists("d/new"))
    #expect(try !files.exists("d/f"))
  }

  /// Somebody who asks after the change, while the answer from before it is on its way, waits or asks, but
  /// does not get that.
  @Test(arguments: Change.allCases)
  func `a second caller after the change`(change: Change) throws {
    for name in Self.asked {
      let race = try RaceTests()
      let trap = Trap()
      let files = try CachedFileSystem(
        root: "/", directory: race.tree.path, options: .init(), probe: trap.probe,
        tellsOfMounts: false)
      let second = Locked<[Result<Seen, Code>]>([])
      let thread = Locked<HostThread?>(nil)
      let isDone = Atomic<Bool>(false)
      trap.set(at: .asked, name) {
        race.make(change)
        let waited = files.statistics.cache.lookupsWaited
        thread.withLock { thread in
          thread = try? HostThread {
            let answer = race.answer(files, name)
            second.withLock { $0 = answer }
            isDone.store(true, ordering: .releasing)
          }
        }
        while !isDone.load(ordering: .acquiring), files.statistics.cache.lookupsWaited == waited {
          usleep(50)
        }
      }
      _ = race.answer(files, name)
      trap.clear()
      guard let thread = thread.withLock({ $0 }) else { continue }
      thread.join()
      #expect(second.withLock { $0 } == race.truth(name), "\(change) \(name)")
    }
  }

  @Test func `who comes while events are acted upon waits for that`() throws {
    let trap = Trap()
    let files = try CachedFileSystem(
      root: "/", directory: tree.path, options: .init(), probe: trap.probe, tellsOfMounts: false)
    #expect(try !files.exists("d/new"))
    tree.write("d/new")
    let wasThere = Atomic<Bool>(false)
    let isDone = Atomic<Bool>(false)
    let thread = Locked<HostThread?>(nil)
    trap.set(at: .drained) {
      thread.withLock { thread in
        thread = try? HostThread {
          wasThere.store((try? files.exists("d/new")) ?? false, ordering: .relaxed)
          isDone.store(true, ordering: .releasing)
        }
      }
      while !isDone.load(ordering: .acquiring), files.feed.waiting < 2 { usleep(50) }
    }
    #expect(try files.exists("d/new"))
    try #require(thread.withLock { $0 }).join()
    let answer = wasThere.load(ordering: .relaxed)
    #expect(answer)
  }

  @Test func `of those who want a name one asks`() throws {
    let trap = Trap()
    let files = try CachedFileSystem(
      root: "/", directory: tree.path, options: .init(), probe: trap.probe, tellsOfMounts: false)
    #expect(try files.exists("d/e"))
    let asked = files.statistics.asked
    let waited = files.statistics.cache.lookupsWaited
    trap.set(at: .asking, "d/f") {
      while files.statistics.cache.lookupsWaited < waited + 31 { usleep(50) }
    }
    let found = Atomic<Int>(0)
    let threads = try (0..<32).map { _ in
      try HostThread {
        if (try? files.exists("d/f")) == true { found.add(1, ordering: .relaxed) }
      }
    }
    for thread in threads { thread.join() }
    let count = found.load(ordering: .relaxed)
    #expect(count == 32)
    #expect(files.statistics.asked == asked + 1)
  }
}

/// Does something once, at the next moment of a kind at which it is about one path.
final class Trap: Sendable {
  private struct Armed {
    let point: ProbePoint
    let end: String
    let body: @Sendable () -> Void
  }

  private let armed = Locked<Armed?>(nil)

  var probe: Probe {
    { point, path in
      let body = self.armed.withLock { armed -> (@Sendable () -> Void)? in
        guard let trap = armed, trap.point == point,
          String(decoding: path, as: UTF8.self).hasSuffix(trap.end)
        else { return nil }
        armed = nil
        return trap.body
      }
      body?()
    }
  }

  /// `end`: of the path.
  func set(at point: ProbePoint, _ end: String = "", _ body: @escaping @Sendable () -> Void) {
    armed.withLock { $0 = Armed(point: point, end: end, body: body) }
  }

  var hasSprung: Bool { armed.withLock { $0 == nil } }

  func clear() {
    armed.withLock { $0 = nil }
  }
}
