// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

/// The ways in which the owner of a lookup ends it, and what those who wait get.
@Suite(.timeLimit(.minutes(10))) struct InLookupTests {
  let census = Census()
  let cache: Cache
  let root: Shared

  init() throws {
    cache = try makeCache(census)
    root = cache.sharedRoot
  }

  private func file(_ label: String = "") -> File { File(label, census) }

  /// The outcomes of `count` threads that were asleep for "x" when `end` ended its lookup.
  private func outcomes(
    _ count: Int, _ end: (consuming InLookup<File>) throws -> Void
  ) throws -> [Result<Shared, DcacheError>] {
    let token = try cache.own("x", in: cache.root)
    let before = Int(cache.statistics.lookupsWaited)
    let waiters = (0..<count).map { _ in cache.waiter("x", in: root) }
    cache.waitForWaiters(before + count)
    try end(token)
    return waiters.map { $0.join() }
  }

  @Test func whatIsAskedFor() throws {
    let token = try cache.own("x", in: cache.root)
    expect(token.name == "x")
    expect(token.withNameBytes { $0[0] } == 120)
    expect(token.parent() == cache.root)
    expect(cache.statistics.inLookup == 1)
    expect(cache.misses("x", in: cache.root))
    token.abandon()
    expect(cache.statistics.inLookup == 0)
  }

  @Test func aHitIsFound() throws {
    let entry = try cache.own("x", in: cache.root).add(file(), kind: .regular)
    let found = try cache.allocParallel(parent: cache.root, name: "x").foundEntry()
    expect(try require(found) == entry)
  }

  @Test func theParentMustBeADirectory() throws {
    let negative = try cache.own("negative", in: cache.root).addNegative()
    let regular = try cache.own("regular", in: cache.root).add(file(), kind: .regular)
    expect(
      error { () throws(DcacheError) in
        _ = try cache.allocParallel(parent: negative, name: "x")
      } == .noSuchFileOrDirectory)
    expect(
      error { () throws(DcacheError) in
        _ = try cache.allocParallel(parent: regular, name: "x")
      } == .notDirectory)
    expect(
      error { () throws(DcacheError) in
        _ = try cache.resolve(parent: negative, name: "x") { _ in .absent }
      } == .noSuchFileOrDirectory)
    expect(
      error { () throws(DcacheError) in
        _ = try cache.resolve(parent: regular, name: "x") { _ in .absent }
      } == .notDirectory)
    expect(cache.misses("x", in: negative))
    expect(cache.misses("x", in: regular))
  }

  @Test func addIsWhatTheyGet() throws {
    var entry: Shared?
    let got = try outcomes(4) { entry = Shared(try $0.add(file("x"), kind: .regular, number: 7)) }
    for outcome in got { expect(outcome.entry == entry) }
    expect(entry?.dentry.payload?.label == "x")
    expect(entry?.dentry.inodeNumber == 7)
    expect(cache.statistics.outcomesShared == 4)
    expect(cache.statistics.lookupsStarted == 1)
  }

  @Test func addNegativeIsWhatTheyGet() throws {
    var entry: Shared?
    let got = try outcomes(4) { entry = Shared(try $0.addNegative()) }
    for outcome in got { expect(outcome.entry == entry) }
    expect(entry?.dentry.isNegative == true)
  }

  @Test func theErrorIsWhatTheyGet() throws {
    let got = try outcomes(4) { $0.fail(.permissionDenied) }
    for outcome in got { expect(outcome.failure == .permissionDenied) }
    // It is not remembered.
    let token = try cache.own("x", in: cache.root)
    token.abandon()
    expect(cache.isBare)
  }

  @Test(arguments: [0, -5, 4096, Int32.min, Int32.max])
  func anErrorThatIsNoneStillEndsTheLookup(_ number: Int32) throws {
    let got = try outcomes(2) { $0.fail(DcacheError(rawValue: number)) }
    for outcome in got { expect(outcome.failure == .ioError) }
    expect(cache.isBare)
  }

  @Test func abandonedOneOfThemBecomesTheOwner() throws {
    let token = try cache.own("x", in: cache.root)
    let calls = Counter()
    let cache = cache
    let waiters = (0..<4).map { _ in
      TestThread {
        let entry = try? cache.resolve(parent: cache.root, name: "x") { _ in
          calls.increment()
          return .found(File("second"), kind: .regular)
        }
        return entry?.payload?.label
      }
    }
    cache.waitForWaiters(4)
    token.abandon()
    for waiter in waiters { expect(waiter.join() == "second") }
    expect(calls.value == 1)
  }

  /// A token that is let go of is abandoned: a forgotten completion leaves nobody asleep.
  @Test func aForgottenTokenWakesThem() throws {
    let token = try cache.own("x", in: cache.root)
    let cache = cache
    let waiter = TestThread {
      let owns = (try? cache.allocParallel(parent: cache.root, name: "x").owned()) != nil
      return owns
    }
    cache.waitForWaiters(1)
    do { _ = consume token }
    expect(waiter.join())
    expect(cache.statistics.inLookup == 0)
    expect(cache.isBare)
  }

  /// As when the owner's own code throws between asking and answering.
  @Test func aTokenUnwoundByAnErrorWakesThem() throws {
    struct Unrelated: Error {}
    let cache = cache
    let waiter: TestThread<Bool>
    func ask(_ wait: () -> Void) throws {
      let token = try cache.own("x", in: cache.root)
      wait()
      if cache.statistics.inLookup == 1 { throw Unrelated() }
      _ = try token.addNegative()
    }
    let gate = Gate()
    waiter = TestThread {
      gate.pass()
      return (try? cache.allocParallel(parent: cache.root, name: "x").owned()) != nil
    }
    #expect(throws: Unrelated.self) {
      try ask {
        gate.open()
        cache.waitForWaiters(1)
      }
    }
    expect(waiter.join())
    expect(cache.isBare)
  }

  @Test func aFailedAddIsWhatTheyGet() throws {
    let other = try makeCache()
    let got = try outcomes(3) { token in
      let inode = try other.makeInode(File(), kind: .regular)
      let thrown = error(consuming: token) { token throws(DcacheError) in
        _ = try token.add(inode.duplicate())
      }
      expect(thrown == .improperLink)
    }
    for outcome in got { expect(outcome.failure == .improperLink) }
    expect(cache.isBare)
  }

  @Test func addRefusesADirectoryThatIsElsewhere() throws {
    let inode = try cache.makeInode(file("d"), kind: .directory)
    let first = try cache.own("first", in: cache.root).add(inode.duplicate())
    let got = try outcomes(2) { token in
      let thrown = error(consuming: token) { token throws(DcacheError) in
        _ = try token.add(inode.duplicate())
      }
      expect(thrown == .fileExists)
    }
    for outcome in got { expect(outcome.failure == .fileExists) }
    expect(first.path == "/first")
  }

  @Test func spliceMovesADirectory() throws {
    let inode = try cache.makeInode(file("d"), kind: .directory)
    let first = Shared(try cache.own("first", in: cache.root).add(inode.duplicate()))
    let child = try cache.own("child", in: first.dentry).add(file(), kind: .regular)
    var spliced: Shared?
    let got = try outcomes(4) { spliced = Shared(try $0.splice(inode.duplicate())) }
    expect(spliced == first)
    for outcome in got { expect(outcome.entry == first) }
    expect(first.dentry.path == "/x")
    expect(child.path == "/x/child")
    expect(cache.misses("first", in: cache.root))
    expect(cache.finds("x", in: cache.root, as: first.dentry))
  }

  @Test func spliceOfSomethingNew() throws {
    let entry = try cache.own("x", in: cache.root)
      .splice(cache.makeInode(file("x"), kind: .directory))
    expect(entry.path == "/x")
    expect(entry.payload?.label == "x")
  }

  @Test func spliceRefusesALoop() throws {
    let inode = try cache.makeInode(file("d"), kind: .directory)
    let upper = try cache.own("upper", in: cache.root).add(inode.duplicate())
    let lower = Shared(try cache.own("lower", in: upper).add(file(), kind: .directory))
    let token = try cache.own("x", in: lower.dentry)
    let waiter = cache.waiter("x", in: lower)
    cache.waitForWaiters(1)
    let thrown = error(consuming: token) { token throws(DcacheError) in
      _ = try token.splice(inode.duplicate())
    }
    expect(thrown == .tooManySymbolicLinkLevels)
    expect(waiter.join().failure == .tooManySymbolicLinkLevels)
    expect(cache.statistics.inLookup == 0)
  }

  @Test func spliceDoesNotWaitForALockedDirectory() throws {
    let inode = try cache.makeInode(file("d"), kind: .directory)
    let from = try cache.own("from", in: cache.root).add(file(), kind: .directory)
    _ = try cache.own("d", in: from).add(inode.duplicate())
    let token = try cache.own("x", in: cache.root)
    var thrown: DcacheError?
    var left: InLookup<File>? = consume token
    try cache.withDirectoryLock(from) { _ in
      let token = left.take()!
      thrown = error(consuming: token) { token throws(DcacheError) in
        _ = try token.splice(inode.duplicate())
      }
    }
    expect(thrown == .staleFileHandle)
    expect(cache.statistics.inLookup == 0)
  }

  @Test func redirectIsWhatTheyGet() throws {
    let target = Shared(try cache.own("target", in: cache.root).add(file(), kind: .regular))
    let got = try outcomes(4) { try $0.redirect(to: target.dentry) }
    for outcome in got { expect(outcome.entry == target) }
    expect(cache.misses("x", in: cache.root))
    expect(cache.statistics.outcomesShared == 4)
  }

  @Test func addCIRedirectsThem() throws {
    var stored: Shared?
    let got = try outcomes(4) {
      stored = Shared(try $0.addCI(name: "X", file("stored"), kind: .regular, number: 8))
    }
    expect(stored?.dentry.path == "/X")
    expect(stored?.dentry.inodeNumber == 8)
    for outcome in got { expect(outcome.entry == stored) }
    // Only the stored spelling is cached.
    expect(cache.misses("x", in: cache.root))
    expect(cache.finds("X", in: cache.root, as: stored!.dentry))
    expect(cache.statistics.outcomesShared == 4)
  }

  @Test func addCITakesTheStoredEntryThatIsThere() throws {
    let there = try cache.own("X", in: cache.root).add(file("first"), kind: .regular)
    let entry = try cache.own("x", in: cache.root).addCI(name: "X", file("second"), kind: .regular)
    expect(entry == there)
    expect(entry.payload?.label == "first")
    cache.barrier()
    expect(census.population == 2)
  }

  @Test func addCIReplacesAStaleNegative() throws {
    let negative = try cache.own("X", in: cache.root).addNegative()
    let entry = try cache.own("x", in: cache.root).addCI(name: "X", file("x"), kind: .regular)
    expect(entry != negative)
    expect(entry.isPositive)
    expect(!negative.isHashed)
  }

  @Test func addCIWithItsOwnName() throws {
    var entry: Shared?
    let got = try outcomes(3) { entry = Shared(try $0.addCI(name: "x", file("x"), kind: .regular)) }
    for outcome in got { expect(outcome.entry == entry) }
    expect(entry?.dentry.path == "/x")
    entry = nil
  }

  @Test func addCIWithADirectoryThatIsElsewhere() throws {
    let inode = try cache.makeInode(file("d"), kind: .directory)
    let first = Shared(try cache.own("first", in: cache.root).add(inode.duplicate()))
    var entry: Shared?
    let got = try outcomes(3) { entry = Shared(try $0.addCI(name: "X", inode.duplicate())) }
    expect(entry == first)
    expect(first.dentry.path == "/X")
    for outcome in got { expect(outcome.entry == first) }

    // The same with its own name: spliced onto itself, elsewhere again.
    let own = Shared(try cache.own("y", in: cache.root).addCI(name: "y", inode.duplicate()))
    expect(own == first)
    expect(first.dentry.path == "/y")
  }

  @Test func addCIWithABadName() throws {
    for (name, expected) in [
      ("", DcacheError.invalidArgument), ("a/b", .invalidArgument), ("a\0", .invalidArgument),
      (String(repeating: "x", count: 256), .fileNameTooLong),
    ] {
      let got = try outcomes(2) { token in
        let thrown = error(consuming: token) { token throws(DcacheError) in
          _ = try token.addCI(name: name, file(), kind: .regular)
        }
        expect(thrown == expected)
      }
      for outcome in got { expect(outcome.failure == expected) }
    }
    expect(cache.isBare)
    expect(census.population == 1)
  }

  @Test func addCIWaitsForTheStoredSpelling() throws {
    let cache = cache, root = root, census = census
    let stored = try cache.own("X", in: cache.root).detached()
    let asked = TestThread {
      let token = try! cache.allocParallel(parent: root.dentry, name: "x").owned()!
      return Shared(try! token.addCI(name: "X", File("second", census), kind: .regular))
    }
    cache.waitForWaiters(1)
    let entry = Shared(try stored.add(file("first"), kind: .regular))
    expect(asked.join() == entry)
  }

  /// H15: two lookups that want each other's spelling.
  @Test func addCIRefusesACycle() throws {
    let cache = cache, census = census
    let a = Gate(), b = Gate()
    let outcomes = [("a", "b", a, b), ("b", "a", b, a)].map { asked, stored, mine, other in
      TestThread {
        let token = try! cache.allocParallel(parent: cache.root, name: asked).owned()!
        mine.open()
        other.pass()
        do throws(DcacheError) {
          let entry = try token.addCI(name: stored, File("", census), kind: .regular)
          return Result<Shared, DcacheError>.success(Shared(entry))
        } catch {
          return .failure(error)
        }
      }
    }.map { $0.join() }
    // Whoever comes second sees the cycle, and its error is what the first was waiting for; the first
    // has seen the file, so it goes on by itself.
    let failures = outcomes.compactMap { $0.failure }
    expect(failures == [.resourceDeadlockAvoided])
    expect(cache.statistics.inLookup == 0)
  }

  @Test func theOwnerDoesNotWaitForItself() throws {
    let token = try cache.own("x", in: cache.root)
    let thrown = error { () throws(DcacheError) in
      _ = try cache.allocParallel(parent: cache.root, name: "x")
    }
    expect(thrown == .resourceDeadlockAvoided)
    token.abandon()
  }

  @Test func aDetachedLookupIsEndedByAnotherThread() throws {
    let cache = cache, root = root, census = census
    // Begun here, handed over, and waited for here.
    let token = try cache.own("x", in: cache.root).detached()
    let handed = Handover(token)
    let ending = TestThread {
      cache.waitForWaiters(1)
      return Shared(try! handed.take()!.add(File("there", census), kind: .regular))
    }
    let found = try cache.allocParallel(parent: root.dentry, name: "x").foundEntry()
    expect(Shared(try require(found)) == ending.join())
  }

  @Test func caseInsensitivityOfOneDirectory() throws {
    let entry = try cache.own("d", in: cache.root)
      .add(file(), kind: .directory, matching: .caseInsensitive)
    let child = try cache.own("Straße", in: entry).add(file(), kind: .regular)
    expect(cache.finds("STRASSE", in: entry, as: child))
    expect(cache.misses("D", in: cache.root))
  }

  /// Random endings from many threads; afterwards nothing is left, nor asleep.
  @Test func everyEndingAtOnce() throws {
    let cache = cache, census = census
    _ = concurrently(8) { thread in
      var random = SystemRandomNumberGenerator()
      for _ in 0..<2_000 {
        let name = "\(Int.random(in: 0..<8, using: &random))"
        guard
          let token = try? cache.allocParallel(parent: cache.root, name: name).owned()
        else { continue }
        switch Int.random(in: 0..<8, using: &random) {
        case 0: _ = try? token.add(File("", census), kind: .regular)
        case 1: _ = try? token.addNegative()
        case 2: token.fail(.ioError)
        case 3: token.abandon()
        case 4: try? token.redirect(to: cache.root)
        case 5: _ = try? token.addCI(name: "stored \(name)", File("", census), kind: .regular)
        case 6:
          if let inode = try? cache.makeInode(File("", census), kind: .directory) {
            _ = try? token.splice(inode)
          }
        default: break
        }
        if let entry = cache.lookup(parent: cache.root, name: name) { entry.drop() }
      }
    }
    expect(cache.isBare)
    expect(census.population == 1)
  }
}

/// Hands a non-copyable value to another thread.
final class Handover: Sendable {
  private let value: Locked<InLookup<File>?>
  init(_ value: consuming InLookup<File>) { self.value = Locked(consume value) }
  func take() -> InLookup<File>? { value.with { $0.take() } }
}
