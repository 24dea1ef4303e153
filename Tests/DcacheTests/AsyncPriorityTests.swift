// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// The task that asks is not less urgent than those that wait for it. A backend here answers when it has
/// been raised; if nobody raises it, that is never.
///
/// No test awaits the value of a task that must be raised by something else: that would raise it, too.
@Suite(.timeLimit(.minutes(10))) struct AsyncPriorityTests {
  let cache: Cache
  let root: Shared

  init() throws {
    cache = try makeCache()
    root = cache.sharedRoot
  }

  /// A task that asks for a name until it is raised above `.utility`.
  private func owner(
    _ name: String, until deadline: ContinuousClock.Instant? = nil,
    answer: @escaping @Sendable () -> LookupAnswer<File> = { .absent }
  ) -> Watched {
    let (cache, root) = (cache, root)
    let owner = Watched()
    let backend: @Sendable (String) async throws(DcacheError) -> LookupAnswer<File> = { _ in
      owner.hasBegun.open()
      while Task.currentPriority < .high { try? await Task.sleep(for: .milliseconds(1)) }
      return answer()
    }
    Task.detached(priority: .background) {
      if let deadline {
        _ = try? await cache.resolve(
          parent: root.dentry, name: name, until: deadline, lookup: backend)
      } else {
        _ = try? await cache.resolve(parent: root.dentry, name: name, lookup: backend)
      }
      owner.hasEnded.open()
    }
    return owner
  }

  private final class Watched: Sendable {
    let hasBegun = Gate()
    let hasEnded = Gate()
  }

  private func waiter(_ name: String, priority: TaskPriority) -> Task<Void, Never> {
    let (cache, root) = (cache, root)
    return Task.detached(priority: priority) {
      _ = try? await cache.resolve(parent: root.dentry, name: name) { _ in .absent }
    }
  }

  @Test(arguments: [false, true]) func aWaiterRaisesTheOwner(withDeadline: Bool) async {
    let owner = owner("x", until: withDeadline ? .now + .seconds(10_000) : nil)
    await suspend { owner.hasBegun.isOpen }
    let waiter = waiter("x", priority: .high)
    await suspend { owner.hasEnded.isOpen }
    await waiter.value
  }

  @Test func aWaiterThatIsRaisedRaisesTheOwner() async {
    let owner = owner("x")
    await suspend { owner.hasBegun.isOpen }
    let waiter = waiter("x", priority: .background)
    await cache.suspendForWaiters(1)
    waiter.escalatePriority(to: .high)
    await suspend { owner.hasEnded.isOpen }
  }

  /// Who becomes the owner later is as urgent as those who have waited meanwhile.
  @Test func aLaterOwnerIsRaised() async throws {
    let token = try require(try await cache.allocParallel(parent: cache.root, name: "x").owned())
    let next = owner("x")
    await cache.suspendForWaiters(1)
    let urgent = waiter("x", priority: .high)
    await cache.suspendForWaiters(2)
    urgent.cancel()
    await urgent.value
    token.abandon()
    await suspend { next.hasEnded.isOpen }
  }

  /// One that was cancelled and whose backend returns late takes nothing from the one after it.
  @Test func anOwnerThatIsLateToLeave() async {
    let (cache, root, gate, hasLeft) = (cache, root, AsyncGate(), Gate())
    let late = Task.detached(priority: .background) {
      _ = try? await cache.resolve(parent: root.dentry, name: "x") { _ in
        await gate.pass()
        return .absent
      }
      hasLeft.open()
    }
    await suspend { gate.count == 1 }
    let next = owner("x")
    await cache.suspendForWaiters(1)
    late.cancel()
    await suspend { next.hasBegun.isOpen }
    gate.open()
    await suspend { hasLeft.isOpen }
    let waiter = waiter("x", priority: .high)
    await suspend { next.hasEnded.isOpen }
    await waiter.value
  }

  /// One that goes leaves the place where they meet to those who are still there.
  @Test func aWaiterThatGoesLeavesTheOthersTogether() async {
    let owner = owner("x")
    await suspend { owner.hasBegun.isOpen }
    let first = waiter("x", priority: .background)
    await cache.suspendForWaiters(1)
    first.cancel()
    await first.value
    let second = waiter("x", priority: .high)
    await suspend { owner.hasEnded.isOpen }
    await second.value
  }

  /// In a case-insensitive directory another spelling is the same lookup.
  @Test func anotherSpellingRaisesTheOwner() async throws {
    let cache = try makeCache(options: CacheOptions(matching: .caseInsensitive))
    let tests = AsyncPriorityTests(cache)
    let owner = tests.owner("straße")
    await suspend { owner.hasBegun.isOpen }
    let waiter = tests.waiter("STRASSE", priority: .high)
    await suspend { owner.hasEnded.isOpen }
    await waiter.value
  }

  /// Along a chain: who waits for "x" raises its owner, which waits for the stored spelling's.
  @Test func alongAChain() async throws {
    let stored = owner("X")
    await suspend { stored.hasBegun.isOpen }
    let (cache, root) = (cache, root)
    Task.detached(priority: .background) {
      _ = try? await cache.resolve(parent: root.dentry, name: "x") { _ in
        .stored(name: [0x58], File(), kind: .regular)
      }
    }
    await cache.suspendForWaiters(1)
    let waiter = waiter("x", priority: .high)
    await suspend { stored.hasEnded.isOpen }
    await waiter.value
  }

  private init(_ cache: Cache) {
    self.cache = cache
    root = cache.sharedRoot
  }
}
