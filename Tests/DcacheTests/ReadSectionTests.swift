// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10))) struct ReadSectionTests {
  let census = Census()
  let cache: Cache

  init() throws {
    cache = try makeCache(census)
  }

  private func add(_ name: String, in parent: borrowing Entry, kind: InodeKind = .regular) throws {
    _ = try cache.own(name, in: parent).add(File(name, census), kind: kind, number: 11)
  }

  @Test func seesAnEntry() throws {
    try add("x", in: cache.root, kind: .directory)
    let seen = cache.withReadLock { section in
      section.lookup(parent: cache.root, name: "x") { view in
        [
          view.payload?.label == "x", view.isPositive, !view.isNegative, view.isDirectory,
          view.kind == .directory, view.inodeNumber == 11,
          view.withPayload { $0.label } == "x",
        ]
      }
    }
    expect(seen == Array(repeating: true, count: 7))
  }

  @Test func seesANegative() throws {
    _ = try cache.own("x", in: cache.root).addNegative()
    let seen = cache.withReadLock { section in
      section.lookup(parent: cache.root, name: "x") { view in
        [
          view.payload == nil, view.isNegative, !view.isPositive, !view.isDirectory,
          view.kind == nil, view.inodeNumber == nil, view.withPayload { $0.label } == nil,
        ]
      }
    }
    expect(seen == Array(repeating: true, count: 7))
  }

  @Test(arguments: ["absent", "", "a/b", String(repeating: "x", count: 300)])
  func seesNothing(_ name: String) {
    let seen: Int? = cache.withReadLock { section in
      section.lookup(parent: cache.root, name: name) { _ in 1 }
    }
    expect(seen == nil)
  }

  @Test func doesNotSeeALookupUnderWay() throws {
    let token = try cache.own("x", in: cache.root)
    let seen: Int? = cache.withReadLock { section in
      section.lookup(parent: cache.root, name: "x") { _ in 1 }
    }
    expect(seen == nil)
    token.abandon()
  }

  @Test func walksDown() throws {
    try add("usr", in: cache.root, kind: .directory)
    let usr = try require(cache.lookup(parent: cache.root, name: "usr"))
    try add("share", in: usr, kind: .directory)
    let share = try require(cache.lookup(parent: usr, name: "share"))
    try add("file", in: share)
    let seen: String?? = cache.withReadLock { section in
      section.lookup(parent: usr, name: "share") { share in
        section.lookup(parent: share, name: "file") { $0.payload?.label } ?? nil
      }
    }
    expect(seen == "file")
  }

  @Test func aViewBecomesAReference() throws {
    try add("x", in: cache.root)
    let entry = cache.withReadLock { section in
      section.lookup(parent: cache.root, name: "x") { $0.dentry() } ?? nil
    }
    let kept = try require(entry)
    expect(cache.finds("x", in: cache.root, as: kept))
    expect(kept.payload?.label == "x")
    cache.shrink()
    expect(kept.isHashed)
  }

  @Test func whatChangesMeanwhileIsNotDelivered() throws {
    try add("x", in: cache.root)
    let entry = try require(cache.lookup(parent: cache.root, name: "x"))
    let result: String?? = cache.withReadLock { section in
      section.lookup(parent: cache.root, name: "x") { view in
        // Dropping does not sleep for long: fit for a test.
        entry.drop()
        let again = view.dentry()
        let isGone =
          switch again {
          case .none: true
          case .some: false
          }
        expect(isGone)
        return view.payload?.label
      }
    }
    expect(result == .none)
  }

  @Test func errorsComeOutIfWhatTheySawWasTrue() throws {
    try add("x", in: cache.root)
    let entry = try require(cache.lookup(parent: cache.root, name: "x"))
    struct Oops: Error {}
    #expect(throws: Oops.self) {
      _ = try cache.withReadLock { section in
        try section.lookup(parent: cache.root, name: "x") { _ throws(Oops) -> Int in throw Oops() }
      }
    }
    let result = try cache.withReadLock { section in
      try section.lookup(parent: cache.root, name: "x") { _ throws(Oops) -> Int in
        entry.drop()
        throw Oops()
      }
    }
    expect(result == nil)
    // The section has ended, or this would never return.
    cache.barrier()
  }

  @Test func aLentPayload() throws {
    struct Oops: Error {}
    try add("x", in: cache.root)
    #expect(throws: Oops.self) {
      try cache.withReadLock { section throws(Oops) in
        _ = try section.lookup(parent: cache.root, name: "x") { view throws(Oops) in
          try view.withPayload { _ throws(Oops) in throw Oops() }
        }
      }
    }
  }

  @Test func aPayloadMayBeKept() throws {
    try add("x", in: cache.root)
    let payload = cache.withReadLock { section in
      section.lookup(parent: cache.root, name: "x") { $0.payload } ?? nil
    }
    expect(cache.isBare)
    expect(payload?.label == "x")
    expect(census.population == 2)
  }

  /// Readers without references against threads that add, drop and free: what is delivered is right,
  /// and every payload is released once.
  @Test func againstThoseWhoFree() throws {
    let cache = cache, census = census
    let done = Gate2()
    let readers = (0..<3).map { _ in
      TestThread {
        var wrong = 0, seen = 0
        while !done.isOpen {
          for index in 0..<16 {
            let name = "name \(index)"
            let label = cache.withReadLock { section in
              section.lookup(parent: cache.root, name: name) { $0.payload?.label } ?? nil
            }
            if let label {
              seen += 1
              if label != name { wrong += 1 }
            }
          }
        }
        return (wrong, seen)
      }
    }
    _ = concurrently(2) { _ in
      for round in 0..<3_000 {
        let name = "name \(round % 16)"
        let entry = try! cache.resolve(parent: cache.root, name: name) { name in
          .found(File(name, census), kind: .regular)
        }
        if round % 3 == 0 { entry.drop() }
      }
    }
    done.open()
    for reader in readers { expect(reader.join().0 == 0) }
    expect(cache.isBare)
    expect(census.population == 1)
  }
}

/// A flag that threads look at.
private final class Gate2: Sendable {
  private let flag = Atomic<Bool>(false)
  var isOpen: Bool { flag.load(ordering: .relaxed) }
  func open() { flag.store(true, ordering: .relaxed) }
}
