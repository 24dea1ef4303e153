// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// Caches whose backend is asked by tasks, by threads, or by both.
@Suite(.timeLimit(.minutes(10))) struct AsyncBackendTests {
  let census = Census()

  @Test func tasksAskIt() async throws {
    let gate = AsyncGate()
    let backend = AsyncStore(.small(census: census), gate: gate)
    let cache = try backend.cache()
    let root = cache.sharedRoot
    let tasks = (0..<64).map { _ in
      Task {
        await outcome { () async throws(DcacheError) in
          try await cache.resolve(parent: root.dentry, name: "usr")
        }
      }
    }
    await cache.suspendForWaiters(63)
    gate.open()
    var entries: Set<Shared> = []
    for task in tasks { entries.insert(try await task.value.get()) }
    #expect(entries.count == 1)
    #expect(backend.calls.value == 1)
    let refused = await outcome { () async throws(DcacheError) in
      try await cache.resolve(parent: cache.root, name: "secret")
    }
    #expect(refused.failure == .permissionDenied)
    let absent = try await cache.resolve(parent: entries.first!.dentry, name: "nothing")
    expect(absent.isNegative)
    // The payload of the directory is what the backend gets.
    let lib = try await cache.resolve(parent: entries.first!.dentry, name: "lib")
    expect(lib.payload?.label == "/usr/lib")
  }

  /// Threads resolve names and walk: each question is a task's.
  @Test func threadsAskIt() async throws {
    let backend = AsyncStore(.small(census: census))
    let cache = try backend.cache()
    let walked = await TestThread {
      (
        try! cache.walk("link").inodeNumber, try! cache.walk("home/me/absolute/x").inodeNumber,
        error { () throws(DcacheError) in _ = try cache.walk("secret") },
        error { () throws(DcacheError) in _ = try cache.walk("loop") },
        try! cache.resolve(parent: cache.root, name: "home").isDirectory
      )
    }.joined()
    #expect(walked.0 == 7)
    #expect(walked.1 == 7)
    #expect(walked.2 == .permissionDenied)
    #expect(walked.3 == .tooManySymbolicLinkLevels)
    #expect(walked.4)
    #expect(backend.store.linkCalls.value > 0)
  }

  /// A thread asks, tasks wait; a task asks, threads wait.
  @Test(arguments: [true, false]) func threadsAndTasksShareOneCall(isThreadFirst: Bool) async throws
  {
    let gate = AsyncGate()
    let backend = AsyncStore(.small(census: census), gate: gate)
    let cache = try backend.cache()
    let root = cache.sharedRoot
    func startThreads(_ count: Int) -> [TestThread<Shared>] {
      (0..<count).map { _ in
        TestThread { Shared(try! cache.resolve(parent: root.dentry, name: "usr", locking: .none)) }
      }
    }
    func startTasks(_ count: Int) -> [Task<Shared, any Error>] {
      (0..<count).map { _ in
        Task { Shared(try await cache.resolve(parent: root.dentry, name: "usr")) }
      }
    }
    var threads = startThreads(isThreadFirst ? 1 : 0)
    var tasks = startTasks(isThreadFirst ? 0 : 1)
    await suspend { gate.count == 1 }
    threads += startThreads(4)
    tasks += startTasks(4)
    await cache.suspendForWaiters(8)
    gate.open()
    var entries: Set<Shared> = []
    for thread in threads { entries.insert(await thread.joined()) }
    for task in tasks { entries.insert(try await task.value) }
    #expect(entries.count == 1)
    #expect(backend.calls.value == 1)
  }

  /// A type that is both is asked in each way by those who want that way.
  private final class Both: DirectoryBackend, AsyncDirectoryBackend {
    let threads = Counter()
    let tasks = Counter()

    func lookup(
      _ name: Span<UInt8>, in directory: File
    ) throws(DcacheError) -> LookupAnswer<File> {
      threads.increment()
      return .absent
    }

    func lookup(
      _ name: Span<UInt8>, in directory: File
    ) async throws(DcacheError) -> LookupAnswer<File> {
      await Task.yield()
      tasks.increment()
      return .absent
    }
  }

  @Test func aBackendOfBothKinds() async throws {
    let backend = Both()
    let cache = try Cache(root: File(), backend: backend)
    _ = try await cache.resolve(parent: cache.root, name: "task")
    #expect(backend.tasks.value == 1 && backend.threads.value == 0)
    expect(
      await TestThread { try! cache.resolve(parent: cache.root, name: "x").isNegative }.joined())
    #expect(backend.tasks.value == 1 && backend.threads.value == 1)
  }

  /// One method that does not suspend serves both.
  private struct AtHand: DirectoryBackend, AsyncDirectoryBackend {
    func lookup(
      _ name: Span<UInt8>, in directory: File
    ) throws(DcacheError) -> LookupAnswer<File> { .absent }
  }

  @Test func oneMethodForBothKinds() async throws {
    let cache = try Cache(root: File(), backend: AtHand())
    expect(try await cache.resolve(parent: cache.root, name: "x").isNegative)
  }

  @Test func withoutABackendForTasks() async throws {
    let none = try makeCache()
    let blocking = try Store.small(revalidates: true).cache()
    for cache in [none, blocking] {
      let outcome = await outcome { () async throws(DcacheError) in
        try await cache.resolve(parent: cache.root, name: "usr")
      }
      #expect(outcome.failure == .notSupported)
    }
    // A closure will do, until it comes to an entry that the backend would have to be asked about.
    _ = try await blocking.resolve(parent: blocking.root, name: "x") { _ in .absent }
    let again = await outcome { () async throws(DcacheError) in
      try await blocking.resolve(parent: blocking.root, name: "x") { _ in .absent }
    }
    #expect(again.failure == .notSupported)
  }

  @Test func entriesAreAskedAbout() async throws {
    let backend = AsyncStore(.small(census: census), revalidates: true)
    let cache = try backend.cache()
    let first = try await cache.resolve(parent: cache.root, name: "usr")
    let again = try await cache.resolve(parent: cache.root, name: "usr")
    expect(again == first)
    #expect(backend.store.revalidations.value == 1)
    backend.store.isTrue.with { $0 = .success(false) }
    let second = try await cache.resolve(parent: cache.root, name: "usr")
    expect(second != first)
    expect(!first.isHashed)
    #expect(backend.calls.value == 2)
    backend.store.isTrue.with { $0 = .failure(.ioError) }
    let failed = await outcome { () async throws(DcacheError) in
      try await cache.resolve(parent: cache.root, name: "usr")
    }
    #expect(failed.failure == .ioError)
    // Threads ask in their own way.
    backend.store.isTrue.with { $0 = .success(true) }
    let found = await TestThread {
      Shared(try! cache.resolve(parent: cache.root, name: "usr"))
    }.joined()
    expect(found.dentry == second)
  }

  /// A stale entry is looked up again without asking about it; also one that turns stale meanwhile.
  @Test func whatIsStaleIsNotAskedAbout() async throws {
    let backend = AsyncStore(.small(census: census), revalidates: true)
    let cache = try backend.cache()
    let first = try await cache.resolve(parent: cache.root, name: "usr")
    try cache.root.invalidateChildren()
    expect(first.isStale)
    let second = try await cache.resolve(parent: cache.root, name: "usr")
    expect(second != first)
    #expect(backend.store.revalidations.value == 0)
    #expect(backend.calls.value == 2)
  }

  @Test func whatTurnsStaleMeanwhileIsNotTaken() async throws {
    let doubt = AsyncGate()
    let backend = AsyncStore(.small(census: census), doubt: doubt, revalidates: true)
    let cache = try backend.cache()
    let first = Shared(try await cache.resolve(parent: cache.root, name: "usr"))
    let root = cache.sharedRoot
    let asking = Task {
      await outcome { () async throws(DcacheError) in
        try await cache.resolve(parent: root.dentry, name: "usr")
      }
    }
    await suspend { doubt.count == 1 }
    try cache.root.invalidateChildren()
    doubt.open()
    let second = try await asking.value.get()
    #expect(second != first)
    #expect(backend.calls.value == 2)
  }

  /// What all are told is untrue is asked for once more, and that is good enough for all who wait for it.
  @Test func whatIsUntrueIsAskedForOnce() async throws {
    let (gate, doubt) = (AsyncGate(), AsyncGate())
    let backend = AsyncStore(.small(census: census), gate: gate, doubt: doubt, revalidates: true)
    let cache = try backend.cache()
    let root = cache.sharedRoot
    func resolving() -> Task<Outcome, Never> {
      Task {
        await outcome { () async throws(DcacheError) in
          try await cache.resolve(parent: root.dentry, name: "usr")
        }
      }
    }
    gate.open()
    let first = try await resolving().value.get()
    backend.store.isTrue.with { $0 = .success(false) }
    let tasks = (0..<8).map { _ in resolving() }
    await suspend { doubt.count == 8 }
    doubt.open()
    var entries: Set<Shared> = []
    for task in tasks { entries.insert(try await task.value.get()) }
    #expect(!entries.contains(first))
    #expect(entries.count == 1)
    #expect(backend.calls.value == 2)
    #expect(backend.store.revalidations.value == 8)
  }

  @Test func staleWithoutABackend() async throws {
    let cache = try makeCache(census)
    let first = try await cache.resolve(parent: cache.root, name: "x") { _ in .absent }
    first.setTimeToLive(.zero)
    let second = try await cache.resolve(parent: cache.root, name: "x") { _ in .absent }
    expect(second != first)
  }

  /// Answers that cannot be added are everybody's error, and leave nothing behind.
  @Test func aBackendThatLies() async throws {
    let (cache, other) = (try makeCache(census), try makeCache())
    let census = census
    let foreign = SharedInode(try other.makeInode(File(), kind: .regular))
    let lies: [(DcacheError, @Sendable () -> LookupAnswer<File>)] = [
      (.invalidArgument, { .stored(name: [], File("", census), kind: .regular) }),
      (.invalidArgument, { .stored(name: Array("a/b".utf8), File("", census), kind: .regular) }),
      (
        .fileNameTooLong,
        { .stored(name: Array(repeating: 0x78, count: 256), File("", census), kind: .regular) }
      ),
      (.improperLink, { .known(foreign.inode.duplicate()) }),
      (.improperLink, { .storedKnown(name: [0x79], foreign.inode.duplicate()) }),
    ]
    for (expected, lie) in lies {
      let before = cache.statistics.lookupsWaited
      let root = cache.sharedRoot
      let asking = Task {
        await outcome { () async throws(DcacheError) in
          try await cache.resolve(parent: root.dentry, name: "x") { _ in
            await cache.suspendForWaiters(2, since: before)
            return lie()
          }
        }
      }
      await suspend { cache.statistics.inLookup == 1 }
      let waiters = (0..<2).map { _ in cache.waitingTask("x", in: root) }
      #expect(await asking.value.failure == expected)
      for waiter in waiters { #expect(await waiter.value.failure == expected) }
      await cache.suspendUntilBare()
    }
    await cache.suspendForPayloads(census, 1)
  }
}
