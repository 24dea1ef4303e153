// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache
@_spi(CInterop) import Dcache
import MixedC
import Testing

/// C threads and tasks on either side of a lookup.
@Suite(.timeLimit(.minutes(10))) struct AsyncMixedTests {
  let census = Census()
  let cache: Cache
  let root: Shared

  init() throws {
    cache = try makeCache(census)
    root = cache.sharedRoot
  }

  /// What tasks get that wait for a C thread, together with a thread.
  private func ended(
    by ending: mixed_ending, inode: consuming Inode<File>? = nil, alias: OpaquePointer? = nil,
    error: Int32 = 0
  ) async throws -> [Outcome] {
    let owner = try #require(mixed_owner_start(root.dentry.unsafePointer, "x"))
    let tasks = (0..<4).map { _ in cache.waitingTask("x", in: root) }
    let thread = cache.waiter("x", in: root)
    await cache.suspendForWaiters(5)
    let raw: OpaquePointer?
    switch consume inode {
    case .some(let inode): raw = inode.unsafeTake()
    case .none: raw = nil
    }
    let status = mixed_owner_finish(owner, ending, raw, alias, error)
    expect(status == 0)
    var outcomes = [await thread.joined()]
    for task in tasks { outcomes.append(await task.value) }
    return outcomes
  }

  @Test func tasksWaitForCThatAdds() async throws {
    let inode = try cache.makeInode(File("by C", census), kind: .regular, number: 3)
    let got = try await ended(by: MIXED_ADD, inode: inode)
    for outcome in got {
      expect(outcome.entry?.dentry.payload?.label == "by C")
      expect(outcome.entry == got[0].entry)
    }
  }

  @Test func tasksWaitForCThatAddsANegative() async throws {
    for outcome in try await ended(by: MIXED_ADD) {
      expect(outcome.entry?.dentry.isNegative == true)
    }
  }

  @Test func tasksWaitForCThatFails() async throws {
    for outcome in try await ended(by: MIXED_FAIL, error: -13) {
      expect(outcome.failure == .permissionDenied)
    }
    await cache.suspendUntilBare()
  }

  @Test func tasksWaitForCThatRedirects() async throws {
    let target = Shared(try cache.own("target", in: cache.root).add(File(), kind: .regular))
    let got = try await ended(by: MIXED_REDIRECT, alias: target.dentry.unsafePointer)
    for outcome in got { expect(outcome.entry == target) }
  }

  @Test func tasksWaitForCThatSplices() async throws {
    let inode = try cache.makeInode(File("d", census), kind: .directory)
    let first = Shared(try cache.own("first", in: cache.root).add(inode.duplicate()))
    for outcome in try await ended(by: MIXED_SPLICE, inode: inode) {
      expect(outcome.entry == first)
    }
  }

  @Test func tasksWaitForCThatGivesUp() async throws {
    // They become owners one after the other, and all fail with what their backend says.
    for outcome in try await ended(by: MIXED_DONE) { expect(outcome.failure == .notSupported) }
    await cache.suspendUntilBare()
  }

  @Test func cWaitsForATask() async throws {
    let (cache, root, census) = (cache, root, census)
    let gate = AsyncGate()
    let asking = Task {
      await outcome { () async throws(DcacheError) in
        try await cache.resolve(parent: root.dentry, name: "x") { _ in
          await gate.pass()
          return .found(File("by a task", census), kind: .regular)
        }
      }
    }
    await suspend { gate.count == 1 }
    let waiters = (0..<4).map { _ in mixed_waiter_start(root.dentry.unsafePointer, "x") }
    await cache.suspendForWaiters(4)
    gate.open()
    let entry = await asking.value.entry
    for waiter in waiters {
      let got = Entry(unsafeConsuming: try #require(mixed_waiter_join(waiter)))
      expect(got.payload?.label == "by a task")
      expect(Shared(got) == entry)
    }
  }

  /// A cancelled task hands over to C.
  @Test func cTakesOverFromATask() async throws {
    let (cache, root) = (cache, root)
    let gate = AsyncGate()
    let asking = Task {
      await outcome { () async throws(DcacheError) in
        try await cache.resolve(parent: root.dentry, name: "x") { _ in
          await gate.pass()
          return .absent
        }
      }
    }
    await suspend { gate.count == 1 }
    let waiter = mixed_waiter_start(root.dentry.unsafePointer, "x")
    await cache.suspendForWaiters(1)
    asking.cancel()
    let inherited = InLookup<File>(unsafeConsuming: try #require(mixed_waiter_join(waiter)))
    let entry = try inherited.add(File("", census), kind: .regular)
    gate.open()
    #expect(await asking.value.failure == .canceled)
    expect(cache.finds("x", in: cache.root, as: entry))
  }
}
