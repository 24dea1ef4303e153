// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Foundation
import Testing

/// A thousand tasks and some threads look up, cancel each other, invalidate and create, all at random.
/// Every task ends, of each name one call of the backend is live, and nothing is left.
///
/// `DCACHE_STORM_SECONDS`: for so long instead of once; `DCACHE_STORM_SEED`: of the first round.
@Suite struct AsyncStormTests {
  @Test(.timeLimit(.minutes(120))) func storm() async throws {
    let environment = ProcessInfo.processInfo.environment
    let seconds = environment["DCACHE_STORM_SECONDS"].flatMap { Int($0) }
    var seed = environment["DCACHE_STORM_SEED"].flatMap { UInt64($0) } ?? .random(in: 0...(.max))
    let end = ContinuousClock.now + .seconds(seconds ?? 0)
    repeat {
      let storm = try Storm(seed: seed)
      await storm.blow()
      #expect(storm.faults.with { $0 } == [], "seed \(seed)")
      #expect(storm.ended.value == Storm.tasks, "seed \(seed)")
      #expect(storm.answered.value > 0)
      await storm.cache.suspendUntilBare()
      await storm.cache.suspendForPayloads(storm.census, 1)
      seed &+= 1
    } while ContinuousClock.now < end
  }
}

private struct Random: RandomNumberGenerator {
  // SplitMix64.
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

private final class Storm: Sendable {
  static let tasks = 1000
  static let steps = 20
  static let names = 24

  let census = Census()
  let cache: Cache
  let seed: UInt64
  let faults = Locked<[String]>([])
  let ended = Counter()
  let answered = Counter()
  /// The calls that are live, by name: not those whose task was cancelled or is to return at a deadline,
  /// since others go on without waiting for them.
  private let live = Locked<[String: Int]>([:])

  init(seed: UInt64) throws {
    self.seed = seed
    cache = try makeCache(census, options: CacheOptions(buckets: 16, maxEntries: 40))
  }

  func blow() async {
    let tasks = (0..<Self.tasks).map { index in
      Task {
        var random = Random(state: self.seed &+ UInt64(index) &* 0x1_0001)
        for _ in 0..<Self.steps {
          await self.step(&random)
          if Task.isCancelled, Int.random(in: 0..<3, using: &random) == 0 { break }
        }
        self.ended.increment()
      }
    }
    let threads = (0..<2).map { index in
      TestThread {
        var random = Random(state: ~self.seed &+ UInt64(index))
        for _ in 0..<500 { self.blockingStep(&random) }
      }
    }
    var random = Random(state: seed ^ 0x5555)
    for task in tasks.shuffled(using: &random)[..<(Self.tasks / 3)] {
      task.cancel()
      if Int.random(in: 0..<4, using: &random) == 0 { await Task.yield() }
    }
    for task in tasks { await task.value }
    for thread in threads { await thread.joined() }
  }

  private func name(_ random: inout Random) -> String {
    "n\(Int.random(in: 0..<Self.names, using: &random))"
  }

  private func answer(_ name: String, _ random: inout Random) throws(DcacheError)
    -> LookupAnswer<File>
  {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: throw .ioError
    case 1, 2: return .absent
    case 3: return .stored(name: Array(name.uppercased().utf8), File(name, census), kind: .regular)
    case 4:
      return .numbered(UInt64(name.utf8.count)) { [census] in (File(name, census), .regular) }
    default: return .found(File(name, census), kind: .regular)
    }
  }

  /// Some suspend, some heed a cancellation.
  private func ask(_ name: String, _ random: Random, isTimed: Bool) async throws(DcacheError)
    -> LookupAnswer<File>
  {
    var random = random
    let call = Call(self, name, isTimed: isTimed)
    return try await call.watch { () async throws(DcacheError) in
      for _ in 0..<Int.random(in: 0..<6, using: &random) {
        await Task.yield()
        if Task.isCancelled, Bool.random(using: &random) { throw .interrupted }
      }
      return try self.answer(name, &random)
    }
  }

  /// One call of the backend.
  private final class Call: Sendable {
    let storm: Storm
    let name: String
    private enum State { case new, live, dead }
    private let state: Locked<State>

    init(_ storm: Storm, _ name: String, isTimed: Bool) {
      self.storm = storm
      self.name = name
      state = Locked(isTimed ? .dead : .new)
    }

    private func begin() {
      let others = state.with { state in
        guard state == .new else { return 0 }
        state = .live
        return storm.live.with { live in
          defer { live[name, default: 0] += 1 }
          return live[name, default: 0]
        }
      }
      if others > 0 { storm.note("\(name) is asked for twice") }
    }

    private func end() {
      state.with { state in
        if state == .live { storm.live.with { $0[name, default: 0] -= 1 } }
        state = .dead
      }
    }

    func watch(
      _ work: nonisolated(nonsending) () async throws(DcacheError) -> LookupAnswer<File>
    ) async throws(DcacheError) -> LookupAnswer<File> {
      let box = Locked<LookupAnswer<File>?>(nil)
      // The handlers that were set last are called first: the call is dead before its lookup is handed over.
      // One whose task has been cancelled already never lives.
      let failure = await withTaskCancellationHandler { () -> DcacheError? in
        begin()
        do throws(DcacheError) {
          let answer = try await work()
          box.set(answer)
          return nil
        } catch {
          return error
        }
      } onCancel: {
        end()
      }
      end()
      if let failure { throw failure }
      return try require(box.with { $0.take() }, .ioError)
    }
  }

  private func step(_ random: inout Random) async {
    let (name, seed) = (name(&random), Random(state: random.next()))
    let cancellation: LookupCancellation = Bool.random(using: &random) ? .handOver : .fail
    do throws(DcacheError) {
      switch Int.random(in: 0..<16, using: &random) {
      case 0..<8:
        let entry = try await cache.resolve(
          parent: cache.root, name: name, cancellation: cancellation
        ) { name async throws(DcacheError) in try await self.ask(name, seed, isTimed: false) }
        try check(entry, name)
      case 8, 9:
        let time = Duration.microseconds(Int.random(in: 0..<2000, using: &random))
        let entry = try await cache.resolve(
          parent: cache.root, name: name, until: .now + time, cancellation: cancellation
        ) { name async throws(DcacheError) in try await self.ask(name, seed, isTimed: true) }
        try check(entry, name)
      case 10:
        try await end(cache.allocParallel(parent: cache.root, name: name), name, &random)
      case 11:
        try await end(cache.allocParallelNow(parent: cache.root, name: name), name, &random)
      case 12:
        let time = Duration.microseconds(Int.random(in: 0..<500, using: &random))
        try await end(
          cache.allocParallel(parent: cache.root, name: name, until: .now + time), name, &random)
      default:
        try change(name, &random)
      }
      answered.increment()
    } catch {
      note(error)
    }
  }

  private func note(_ fault: String) {
    faults.with { $0.append(fault) }
  }

  /// Errors that may come about, and no other.
  private func note(_ error: DcacheError) {
    let known: [DcacheError] = [
      .ioError, .canceled, .timedOut, .wouldBlock, .interrupted, .fileExists,
      .resourceDeadlockAvoided,
    ]
    if !known.contains(error) { note("\(error)") }
  }

  private func check(_ entry: borrowing Entry, _ name: String) throws(DcacheError) {
    answered.increment()
    guard let payload = entry.payload else { return }
    // One object of a number has the label of whoever made it.
    if payload.label != name, entry.inodeNumber == 0 { note("\(payload.label) for \(name)") }
  }

  private func end(
    _ result: consuming AllocParallel<File>, _ name: String, _ random: inout Random
  ) async throws(DcacheError) {
    switch consume result {
    case .found(let entry):
      try check(entry, name)
    case .pending(let lookup):
      if Bool.random(using: &random) { await Task.yield() }
      switch Int.random(in: 0..<6, using: &random) {
      case 0: _ = try lookup.addNegative()
      case 1: _ = try lookup.add(File(name, census), kind: .regular)
      case 2: lookup.fail(.ioError)
      case 3:
        _ = try await lookup.addCI(name: name.uppercased(), File(name, census), kind: .regular)
      default: lookup.abandon()
      }
    }
  }

  private func change(_ name: String, _ random: inout Random) throws(DcacheError) {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: try cache.root.invalidateChildren()
    case 1: try cache.invalidate(name: name, in: cache.root)
    case 2: _ = cache.shrink()
    default:
      if let entry = cache.lookup(parent: cache.root, name: name) { entry.drop() }
    }
  }

  private func blockingStep(_ random: inout Random) {
    let name = name(&random)
    do throws(DcacheError) {
      if Int.random(in: 0..<8, using: &random) == 0 {
        try cache.withDirectoryLock(cache.root) { directory throws(DcacheError) in
          let entry = try directory.create(name: name, File(name, census), kind: .regular)
          try check(entry, name)
        }
        return
      }
      let answer = Random(state: random.next())
      let entry = try cache.resolve(parent: cache.root, name: name) { name throws(DcacheError) in
        var random = answer
        return try self.answer(name, &random)
      }
      try check(entry, name)
    } catch {
      note(error)
    }
  }
}
