// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc
import Synchronization
import Testing

@testable import DcacheFileSystem

/// What is done to the tree behind the cache's back, one kind of change after the other: each answer is
/// compared with the host's before and after.
@Suite struct ChangeTests {
  let tree: Tree
  let files: CachedFileSystem

  init() throws {
    tree = try Tree()
    tree.make(directory: "d")
    tree.make(directory: "d/e")
    tree.make(directory: "other")
    tree.write("d/f", "f")
    tree.write("d/e/g", "g")
    tree.make(link: "d/l", to: "f")
    tree.make(link: "d/le", to: "e")
    files = try CachedFileSystem(directory: tree.path)
  }

  static let names = [
    "", "d", "d/f", "d/l", "d/e", "d/e/g", "d/le/g", "d/new", "d/new/g", "other", "other/f",
    "other/e/g",
  ]

  /// What the cache says of all names is what the host says.
  private func expectTruth(
    _ files: CachedFileSystem? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let files = files ?? self.files
    for name in Self.names {
      let path = tree.at(name)
      for follow in [true, false] {
        #expect(
          files.seen(path, followingSymlinks: follow)
            == Host.status(path, followingSymlinks: follow), "\(name)",
          sourceLocation: sourceLocation)
      }
      #expect(
        files.realpathResult(path) == Host.realpath(path), "\(name)",
        sourceLocation: sourceLocation)
      let truth = Host.status(path)
      #expect(
        try files.exists(path) == ((try? truth.get()) != nil), "\(name)",
        sourceLocation: sourceLocation)
      if let truth = try? truth.get(), truth.mode & S_IFMT == S_IFDIR {
        #expect(
          try files.names(path) == Host.names(path), "\(name)", sourceLocation: sourceLocation)
      }
    }
  }

  /// The change is seen, whatever has been cached, and cached again.
  private func expectTruth(
    after changes: [() -> Void], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for _ in 0..<3 { try expectTruth(sourceLocation: sourceLocation) }
    for change in changes {
      change()
      for _ in 0..<3 { try expectTruth(sourceLocation: sourceLocation) }
    }
    let before = files.statistics
    try expectTruth(sourceLocation: sourceLocation)
    #expect(files.hasAskedNothing(since: before), sourceLocation: sourceLocation)
    #expect(files.statistics.passedOn == 0, sourceLocation: sourceLocation)
  }

  @Test func `a name comes and goes`() throws {
    try expectTruth(after: [
      { tree.write("d/new", "1") }, { tree.remove(name: "d/new") },
      { tree.make(directory: "d/new") }, { tree.write("d/new/g") },
      { tree.remove(name: "d/new/g") },
      { tree.remove(name: "d/new") }, { tree.make(link: "d/new", to: "e") },
    ])
  }

  @Test func `a file is written, cut, and given other rights`() throws {
    try expectTruth(after: [
      { tree.write("d/f", "longer") },
      { #expect(truncate(tree.at("d/f"), 1) == 0) },
      { tree.setMode("d/f", 0o600) },
      { tree.setMode("d/e", 0o711) },
      { #expect(utimensat(AT_FDCWD, tree.at("d/f"), nil, 0) == 0) },
      { #expect(utimensat(AT_FDCWD, tree.at("d/e"), nil, 0) == 0) },
      { #expect(chown(tree.at("d/e"), 1, 1) == 0 || geteuid() != 0) },
    ])
  }

  @Test func `a file is changed by another name`() throws {
    try expectTruth(after: [
      { tree.make(otherName: "other/f", of: "d/f") },
      { tree.write("other/f", "other") },
      { tree.setMode("other/f", 0o640) },
      { tree.rename("other/f", "other/g") },
      { tree.write("other/g", "more") },
      { tree.remove(name: "other/g") },
    ])
  }

  @Test func `a file takes the place of another`() throws {
    try expectTruth(after: [
      {
        tree.write("other/f", "new")
        tree.rename("other/f", "d/f")
      },
      { tree.rename("d/f", "d/l") },
    ])
  }

  @Test func `a directory moves with all that is in it`() throws {
    try expectTruth(after: [
      { tree.rename("d/e", "other/e") },
      { tree.write("other/e/g", "there") },
      { tree.make(directory: "d/e") },
      { tree.write("d/e/g", "here, too") },
      { tree.rename("d/e", "d/new") },
      { tree.rename("other/e", "d/e") },
      { tree.rename("d", "x") },
      { tree.rename("x", "d") },
    ])
  }

  @Test func `two directories change places`() throws {
    tree.make(directory: "other/e")
    tree.write("other/e/g", "other")
    try expectTruth(after: [
      { tree.exchange("d/e", "other/e") }, { tree.write("d/e/g", "!") },
      { tree.exchange("d", "other") },
    ])
  }

  @Test func `a tree goes and comes back`() throws {
    try expectTruth(after: [
      {
        tree.remove(name: "d/e/g")
        tree.remove(name: "d/e")
      },
      {
        tree.make(directory: "d/e")
        tree.write("d/e/g", "again")
      },
    ])
  }

  @Test func `events were lost`() throws {
    try expectTruth()
    files.feed.apply([WatchEvent(watch: -1, mask: Int32(IN_Q_OVERFLOW), name: [])])
    #expect(files.statistics.forgotten >= 1)
    let asked = files.statistics.asked
    try expectTruth(after: [{ tree.write("d/new") }])
    #expect(files.statistics.asked > asked)
  }

  /// More events than the host queues. The drain is the test's: while nothing is drained the queue flows
  /// over, and what is told then is that events were lost.
  @Test func `more events than the host keeps`() throws {
    try expectTruth()
    let limit = try #require(Host.number("/proc/sys/fs/inotify/max_queued_events"))
    try #require(limit < 200_000, "takes too long where the queue is that long")
    for _ in 0...(limit / 2) {
      tree.write("d/x")
      tree.remove(name: "d/x")
    }
    tree.write("d/new", "told by nobody")
    try expectTruth()
    #expect(files.statistics.forgotten >= 1)
  }

  @Test func `fewer watches than directories`() throws {
    for watches in 0...12 {
      var options = CachedFileSystem.Options()
      options.maxWatches = watches
      let files = try CachedFileSystem(directory: tree.path, options: options)
      for _ in 0..<3 { try expectTruth(files) }
      #expect(files.statistics.watches <= watches)
      tree.write("d/new", "now")
      tree.write("d/f", "longer")
      for _ in 0..<3 { try expectTruth(files) }
      tree.remove(name: "d/new")
      tree.rename("d/e", "other/e")
      for _ in 0..<3 { try expectTruth(files) }
      tree.rename("other/e", "d/e")
      try expectTruth(files)
    }
  }

  @Test func `watches go with what they are for`() throws {
    try expectTruth()
    try expectTruth()
    #expect(files.statistics.watches > 5)
    #expect(files.statistics.fileWatches > 0)
    files.invalidateAll()
    files.cache.shrink()
    files.cache.barrier()
    // The root's.
    #expect(files.statistics.watches == 1)
    #expect(files.statistics.fileWatches == 0)
    try expectTruth(after: [{ tree.write("d/new") }])
  }

  @Test func `something is mounted, and unmounted`() throws {
    guard geteuid() == 0 else { return }
    try expectTruth()
    try expectTruth()
    // Not everybody who is root may.
    guard mount("none", tree.at("other"), "tmpfs", 0, nil) == 0 else { return }
    defer { umount2(tree.at("other"), 0) }
    for _ in 0..<3 { try expectTruth() }
    tree.write("other/f", "on tmpfs")
    for _ in 0..<3 { try expectTruth() }
    #expect(umount2(tree.at("other"), 0) == 0)
    for _ in 0..<3 { try expectTruth() }
    tree.write("other/f", "below")
    for _ in 0..<3 { try expectTruth() }
    #expect(files.statistics.forgotten >= 2)
  }

  @Test func `said to have changed`() throws {
    try expectTruth()
    try expectTruth()
    for name in ["d/f", "d/e/", "d/absent", "d/.", "", "absent/f", "/proc/self/status"] {
      let asked = files.statistics.asked
      let path = name.hasPrefix("/") ? name : tree.at(name)
      try files.invalidate(path)
      try expectTruth()
      if !name.contains("absent/"), !name.hasPrefix("/") {
        #expect(files.statistics.asked > asked, "\(name)")
      }
    }
    let forgotten = files.statistics.forgotten
    try files.invalidate("/")
    #expect(files.statistics.forgotten > forgotten)
  }

  @Test func `nobody tells, and it is true for a time`() throws {
    var options = CachedFileSystem.Options()
    options.maxWatches = 0
    options.unwatched = .trusted(for: .seconds(3600))
    let files = try CachedFileSystem(directory: tree.path, options: options)
    #expect(try files.status(of: "d/f").size == 1)
    #expect(try !files.exists("d/new"))
    tree.write("d/f", "longer")
    tree.write("d/new")
    #expect(try files.status(of: "d/f").size == 1)
    #expect(try !files.exists("d/new"))
    #expect(files.statistics.passedOn == 0)
    #expect(try files.names("d").contains("new"))
    try files.invalidate("d/f")
    #expect(try files.status(of: "d/f").size == 6)
    files.invalidateAll()
    #expect(try files.exists("d/new"))

    options.unwatched = .trusted(for: .nanoseconds(1))
    let brief = try CachedFileSystem(directory: tree.path, options: options)
    #expect(try brief.status(of: "d/f").size == 6)
    tree.write("d/f")
    // What is true for so short a time is not true when that has passed, in steps of 17 ms.
    usleep(40_000)
    #expect(try brief.status(of: "d/f").size == 0)
  }

  @Test func `listings have room for so many names`() throws {
    var options = CachedFileSystem.Options()
    options.maxListedNames = 4
    let files = try CachedFileSystem(directory: tree.path, options: options)
    // d has four names, e one.
    for _ in 0..<2 { #expect(try files.names("d") == ["e", "f", "l", "le"]) }
    #expect(files.statistics.listed == 1)
    for _ in 0..<2 { #expect(try files.names("d/e") == ["g"]) }
    #expect(files.statistics.listed == 2)
    _ = try files.names("d")
    #expect(files.statistics.listed == 3)
    options.maxListedNames = 3
    let fewer = try CachedFileSystem(directory: tree.path, options: options)
    for _ in 0..<2 { #expect(try fewer.names("d") == ["e", "f", "l", "le"]) }
    #expect(fewer.statistics.listed == 2)
  }

  @Test func `in the background`() throws {
    var options = CachedFileSystem.Options()
    options.truth = .relaxed
    let files = try CachedFileSystem(directory: tree.path, options: options)
    for _ in 0..<3 { try expectTruth(files) }
    tree.write("d/new", "soon")
    tree.write("d/f", "longer")
    while try !files.exists("d/new") { usleep(100) }
    while try files.status(of: "d/f").size != 6 { usleep(100) }
  }
}

extension ChangeTests {
  @Test func `rights are taken away`() throws {
    for _ in 0..<2 { #expect(try files.exists("d/e/g")) }
    let before = files.statistics.asked
    tree.setMode("d/e", 0o700)
    #expect(try files.exists("d/e/g"))
    // It was asked for again: the host's answer may be another one now.
    #expect(files.statistics.asked > before)
  }

  @Test func `a watch is lost`() throws {
    for _ in 0..<3 { try expectTruth() }
    let watches = files.backend.watches
    for name in ["d", "d/e"] {
      let found = try files.cache.walk(Host.realpath(tree.at(name)).get()).payload
      let node = try #require(found)
      guard case .watched(let watch) = node.withState({ $0.watch }) else {
        Issue.record("\(name) is not watched")
        continue
      }
      // As the host does when what is watched is unmounted.
      #expect(inotify_rm_watch(watches.descriptor, watch) == 0)
      tree.write("\(name)/new", "nobody tells")
      for _ in 0..<3 { try expectTruth() }
      #expect(watches.nodes(of: watch).isEmpty)
      tree.remove(name: "\(name)/new")
      for _ in 0..<3 { try expectTruth() }
    }
  }

  @Test func `a watch is shared by the names of a file`() throws {
    tree.make(otherName: "d/new", of: "d/f")
    for _ in 0..<3 { try expectTruth() }
    tree.remove(name: "d/new")
    for _ in 0..<2 { #expect(try !files.exists("d/new")) }
    files.cache.barrier()
    // As long as somebody has it, it tells.
    for _ in 0..<3 { try expectTruth() }
    tree.write("d/f", "longer")
    for _ in 0..<3 { try expectTruth() }
  }
}
