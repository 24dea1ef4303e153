// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Dispatch
import Foundation
import Synchronization

/// What a name leads to.
final class File: Sendable {
  static let living = Atomic<Int>(0)

  init() {
    Self.living.add(1, ordering: .relaxed)
  }

  deinit {
    Self.living.subtract(1, ordering: .relaxed)
  }
}

/// A user's program, in a package of its own. Several threads ask for one name that is not cached;
/// the slow backend must be asked once, and everybody must get the same object.
@main
struct SwiftConsumer {
  var passed = 0
  var failed = 0

  static func main() throws {
    var run = SwiftConsumer()
    try run.lookUpFromManyThreads()
    print("\(run.passed) passed, \(run.failed) failed")
    if run.failed > 0 { exit(1) }
  }

  private mutating func lookUpFromManyThreads() throws {
    do {
      let cache = try DentryCache(root: File())
      let calls = Atomic<Int>(0)
      let found = Mutex<[ObjectIdentifier]>([])
      DispatchQueue.concurrentPerform(iterations: 8) { _ in
        let entry = try? cache.resolve(parent: cache.root, name: "wanted") { _ in
          calls.add(1, ordering: .relaxed)
          Thread.sleep(forTimeInterval: 0.1)
          return .found(File(), kind: .regular)
        }
        guard let file = entry?.payload else { return }
        found.withLock { $0.append(ObjectIdentifier(file)) }
      }
      let objects = found.withLock { $0 }
      check(objects.count == 8, "everybody finds the name")
      check(Set(objects).count == 1, "everybody gets the same object")
      check(calls.load(ordering: .relaxed) == 1, "the backend is asked once")
      check(File.living.load(ordering: .relaxed) == 2, "two objects are alive")
      check(cache.statistics.lookupsStarted == 1, "one lookup is counted")
      check(cache.lookup(parent: cache.root, name: "unknown") == nil, "an unknown name is none")
    }
    // Payloads go after a grace period, in a thread of the cache.
    for _ in 0..<1000 where File.living.load(ordering: .relaxed) > 0 {
      Thread.sleep(forTimeInterval: 0.01)
    }
    check(File.living.load(ordering: .relaxed) == 0, "no object is left")
  }

  private mutating func check(_ isRight: Bool, _ what: String) {
    if isRight { passed += 1 } else { failed += 1 }
    if !isRight { print("FAIL \(what)") }
  }
}
