// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc
import Synchronization
import Testing

@testable import DcacheFileSystem

/// The calls for tasks.
@Suite struct TaskTests {
  let tree: Tree

  init() throws {
    tree = try Tree()
    tree.make(directory: "d")
    tree.make(directory: "d/e")
    tree.write("d/f", "four")
    tree.write("d/e/g", "g")
    tree.make(link: "d/l", to: "e/../f")
    tree.make(link: "d/le", to: "e/")
    tree.make(link: "d/whole", to: tree.at("d/e"))
    tree.make(link: "round", to: "round")
  }

  private func makeFiles(
    _ trap: Trap? = nil, _ change: (inout CachedFileSystem.Options) -> Void = { _ in }
  ) throws -> CachedFileSystem {
    var options = CachedFileSystem.Options()
    change(&options)
    return try CachedFileSystem(
      root: "/", directory: tree.path, options: options, probe: trap?.probe, tellsOfMounts: false)
  }

  static let paths = [
    "", "d", "d/", "d/f", "d/f/", "d/l", "d/l/", "d/le", "d/le/", "d/le/g", "d/whole/g",
    "d/whole/../f", "d/absent", "d/f/x", "d/./e//g", "round", "d/le/../le/g",
  ]

  private static func result<Value>(
    _ body: nonisolated(nonsending) () async throws(FileSystemError) -> Value
  ) async -> Result<Value, Code> {
    do throws(FileSystemError) {
      return .success(try await body())
    } catch {
      return .failure(Code(error.code.rawValue))
    }
  }

  /// With an empty cache, with what that left, and with one that has no watches or cannot keep anything.
  @Test(arguments: 0..<4)
  func `as those that block`(kind: Int) async throws {
    let files = try makeFiles { options in
      if kind == 1 { options.maxEntries = 1 }
      if kind == 2 { options.maxWatches = 4 }
      if kind == 3 {
        options.maxWatches = 0
        options.unwatched = .trusted(for: .seconds(3600))
      }
    }
    for path in Self.paths + Self.paths + ["/proc/self/status/x", "/dev/null"] {
      let path = path.hasPrefix("/") ? path : tree.at(path)
      for follow in [false, true] {
        let status = await Self.result { () async throws(FileSystemError) in
          try await files.status(of: path, followingSymlinks: follow).inode
        }
        #expect(
          status == Host.status(path, followingSymlinks: follow).map(\.inode), "\(kind) \(path)")
      }
      let real = await Self.result { () async throws(FileSystemError) in
        try await files.realpath(of: path)
      }
      #expect(real == Host.realpath(path), "\(kind) \(path)")
      let truth = Host.status(path)
      let exists = try await files.exists(path)
      #expect(exists == ((try? truth.get()) != nil), "\(kind) \(path)")
      if let truth = try? truth.get(), truth.mode & S_IFMT == S_IFDIR {
        let names = try await files.entries(of: path).map(\.name)
        #expect(names == Host.names(path))
      }
    }
    let target = try await files.linkTargetBytes(of: "d/l")
    #expect(target == Array("e/../f".utf8))
    let found = try await files.resolve("D/E/G", ignoringCase: true)
    #expect(found == (try Host.realpath(tree.at("d/e/g")).get()))
    await #expect(throws: FileSystemError(.noSuchFileOrDirectory, path: Array("D/x".utf8))) {
      try await files.resolve("D/x", ignoringCase: true)
    }
  }

  @Test func `what is cached does not wait for the host`() async throws {
    let trap = Trap()
    let files = try makeFiles(trap) { $0.concurrency = 1 }
    for _ in 0..<3 { _ = try await files.status(of: "d/f") }
    let gate = Gate()
    trap.set(at: .asking, "d/absent") { gate.pass() }
    async let absent = files.exists("d/absent")
    await gate.arrival()
    // The only thread of the pool is held up.
    for _ in 0..<100 {
      let size = try await files.status(of: "d/f").size
      #expect(size == 4)
    }
    gate.open()
    let exists = try await absent
    #expect(!exists)
  }

  @Test func `of a thousand tasks that want a name one asks`() async throws {
    let trap = Trap()
    let files = try makeFiles(trap) { $0.concurrency = 1 }
    #expect(try await files.exists("d"))
    let asked = files.statistics.asked
    let gate = Gate()
    trap.set(at: .asking, "d/f") { gate.pass() }
    let waited = files.statistics.cache.lookupsWaited
    let found = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<1000 { group.addTask { (try? await files.exists("d/f")) == true } }
      while files.statistics.cache.lookupsWaited < waited + 999 { await Task.yield() }
      gate.open()
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(found == 1000)
    #expect(files.statistics.asked == asked + 1)
  }

  @Test func `no more threads than were said ask`() async throws {
    let now = Atomic<Int>(0)
    let most = Atomic<Int>(0)
    let files = try CachedFileSystem(
      root: "/", directory: tree.path,
      options: {
        var options = CachedFileSystem.Options()
        options.concurrency = 3
        options.missesBeforeListing = 0
        return options
      }(),
      probe: { point, path in
        guard String(decoding: path, as: UTF8.self).contains("/d/") else { return }
        if point == .asking {
          most.max(now.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
        } else if point == .asked {
          now.subtract(1, ordering: .relaxed)
        }
      })
    await withTaskGroup(of: Void.self) { group in
      for name in 0..<2000 {
        group.addTask { _ = try? await files.exists("d/\(name)") }
      }
    }
    let count = most.load(ordering: .relaxed)
    #expect((1...3).contains(count))
    let before = files.statistics
    for name in 0..<2000 { #expect(try await !files.exists("d/\(name)")) }
    #expect(files.hasAskedNothing(since: before))
  }

  @Test func `who is cancelled is told, and others go on`() async throws {
    let trap = Trap()
    let files = try makeFiles(trap) { $0.concurrency = 2 }
    #expect(try await files.exists("d"))
    let gate = Gate()
    trap.set(at: .asking, "d/f") { gate.pass() }
    let owner = Task {
      await Self.result { () async throws(FileSystemError) in
        try await files.exists("d/f")
      }
    }
    await gate.arrival()
    let waited = files.statistics.cache.lookupsWaited
    let waiters = (0..<2).map { _ in
      Task {
        await Self.result { () async throws(FileSystemError) in
          try await files.exists("d/f")
        }
      }
    }
    while files.statistics.cache.lookupsWaited < waited + 2 { await Task.yield() }
    waiters[0].cancel()
    #expect(await waiters[0].value == .failure(Code(ECANCELED)))
    // Its thread is still held up; another one asks for whoever is left.
    owner.cancel()
    #expect(await owner.value == .failure(Code(ECANCELED)))
    #expect(await waiters[1].value == .success(true))
    gate.open()
  }

  @Test func `a deadline passes`() async throws {
    let trap = Trap()
    let files = try makeFiles(trap) { $0.concurrency = 1 }
    #expect(try await files.exists("d"))
    let gate = Gate()
    trap.set(at: .asking, "d/f") { gate.pass() }
    let deadline = ContinuousClock.now + .milliseconds(20)
    let answer = await Self.result { () async throws(FileSystemError) in
      try await files.exists("d/f", until: deadline)
    }
    #expect(answer == .failure(Code(ETIMEDOUT)))
    #expect(ContinuousClock.now >= deadline)
    // The pool's thread is still held up: this one does not get its turn.
    let status = await Self.result { () async throws(FileSystemError) in
      try await files.status(of: "d/e/g", until: .now + .milliseconds(20), clock: .suspending)
    }
    #expect(status.map { $0.size } == .failure(Code(ETIMEDOUT)))
    gate.open()
    #expect(try await files.exists("d/f", until: .now + .seconds(3600)))
  }

  @Test func `cancelled at random, while the tree changes`() async throws {
    let files = try makeFiles { options in
      options.maxEntries = 100
      options.concurrency = 4
    }
    let isOver = Atomic<Bool>(false)
    let tree = tree
    let mutator = try HostThread {
      var random = Random(seed: 7)
      while !isOver.load(ordering: .relaxed) {
        let name = "d/\(random.below(8))"
        tree.write(name)
        tree.remove(name: name)
        // Who asks acts upon all of it first: under a sanitizer more would come than is acted upon.
        usleep(200)
      }
    }
    let wrong = Locked(0)
    for round in 0..<20 {
      await withTaskGroup(of: Void.self) { group in
        for index in 0..<100 {
          let task = Task {
            var random = Random(seed: UInt64(round * 100 + index))
            let answer = await Self.result { () async throws(FileSystemError) in
              try await files.exists(random.below(2) == 0 ? "d/\(random.below(8))" : "d/le/g")
            }
            if case .failure(let code) = answer, code.value != ECANCELED {
              wrong.withLock { $0 += 1 }
            }
          }
          if index % 3 == 0 { group.addTask { task.cancel() } }
          group.addTask { await task.value }
        }
      }
    }
    isOver.store(true, ordering: .relaxed)
    mutator.join()
    #expect(wrong.withLock { $0 } == 0)
    for name in 0..<8 { #expect(try await !files.exists("d/\(name)")) }
    #expect(try await files.exists("d/le/g"))
  }

  @Test func `closed while tasks ask`() async throws {
    let files = try makeFiles { $0.concurrency = 2 }
    let answers = await withTaskGroup(of: Result<Bool, Code>.self) { group in
      for name in 0..<200 {
        group.addTask {
          await Self.result { () async throws(FileSystemError) in
            try await files.exists("d/\(name)")
          }
        }
        if name == 100 {
          group.addTask {
            files.close(); return .success(false)
          }
        }
      }
      return await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(answers.isSubset(of: [.success(false), .failure(Code(EBADF))]))
    await #expect(throws: FileSystemError.self) { try await files.exists("d/f") }
  }
}

/// Holds up a thread of the pool.
private final class Gate: Sendable {
  private let hasArrived = Atomic<Bool>(false)
  private let isOpen = Atomic<Bool>(false)

  func pass() {
    hasArrived.store(true, ordering: .releasing)
    while !isOpen.load(ordering: .acquiring) { usleep(100) }
  }

  func arrival() async {
    while !hasArrived.load(ordering: .acquiring) { await Task.yield() }
  }

  func open() { isOpen.store(true, ordering: .releasing) }
}
