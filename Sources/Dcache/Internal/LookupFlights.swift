// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache
import Synchronization

/// The tasks that are after one name, so that the one who asks the backend is not less urgent than any
/// of those who wait for it.
///
/// 1. `owners` are those who are asking: the last one, and before it those who were cancelled and whose
///    backends have not returned. `leave` returns after the last use of a task, so that none is used after
///    it has gone on.
/// 2. The runtime is called without the lock, by one at a time (`isBusy`): it runs handlers of the
///    program's. Others only leave their wish.
/// 3. A wish outlives an owner: who becomes the next one is raised by itself.
/// 4. A wish is written with the lock held, and only grows. Who reads without it that it is as great as his
///    own has nothing to do: whoever wrote it raises the owners before, and it is read by those after.
/// 5. It is in its table, which holds it, while anybody is after the name. Who comes is counted with the lock
///    held, who goes is not; the last to go takes the lock, and looks whether somebody came. So whoever is
///    counted needs no reference: many go at once, and each would touch what all the others do, too.
internal final class LookupFlight: @unchecked Sendable {
  // Sendable: all that changes is touched with the lock held only, or atomic.
  private let shard: LookupFlights.Shard
  private let key: LookupFlights.Key
  /// Its table's, which many share: held for moments only. Signalled when `isBusy` ends.
  private var monitor: Monitor { shard.monitor }
  private var owners: [Owner] = []
  private var entered = 0
  /// Of a priority.
  private let wanted = Atomic<UInt8>(0)
  private var isBusy = false
  /// How many are after the name.
  private let users = Atomic<Int>(0)
  fileprivate var isUnused: Bool { users.load(ordering: .relaxed) == 0 }

  private struct Owner {
    let number: Int
    let task: UnsafeCurrentTask
    var priority: TaskPriority
  }

  fileprivate init(_ key: LookupFlights.Key, _ shard: LookupFlights.Shard) {
    self.key = key
    self.shard = shard
  }

  /// The current task is the owner from now on, until it calls `leave` with the number that is returned.
  internal func enter() -> Int {
    // Used beyond this closure, as rule 1 says.
    let task = withUnsafeCurrentTask { $0 }
    monitor.lock()
    defer { monitor.unlock() }
    entered += 1
    let number = entered
    if let task {
      owners.append(Owner(number: number, task: task, priority: task.priority))
      raise()
    }
    return number
  }

  internal func leave(_ number: Int) {
    monitor.lock()
    owners.removeAll { $0.number == number }
    while isBusy { monitor.wait() }
    monitor.unlock()
  }

  /// Somebody of that priority waits.
  internal func escalate(to priority: TaskPriority) {
    // Rule 4.
    guard wanted.load(ordering: .relaxed) < priority.rawValue else { return }
    monitor.lock()
    wanted.max(priority.rawValue, ordering: .relaxed)
    raise()
    monitor.unlock()
  }

  /// Rule 2. With the lock held, but not throughout.
  private func raise() {
    while !isBusy, let owner = owners.last {
      let wanted = TaskPriority(rawValue: wanted.load(ordering: .relaxed))
      guard wanted > owner.priority else { return }
      owners[owners.count - 1].priority = wanted
      isBusy = true
      monitor.unlock()
      owner.task.escalatePriority(to: wanted)
      monitor.lock()
      isBusy = false
      monitor.broadcast()
    }
  }

  /// One more is after the name: the lock is held, or somebody is, who stays.
  internal func sit() { users.add(1, ordering: .relaxed) }

  /// Rule 5. For each `sit`. The table is the caller's, who has no other hold on the flight.
  internal static func rise(_ flight: Unmanaged<LookupFlight>) {
    let (key, shard) = flight._withUnsafeGuaranteedRef {
      ($0.key, Unmanaged.passUnretained($0.shard))
    }
    // Releasing, so that who removes it comes after all that was done with it.
    let left = flight._withUnsafeGuaranteedRef {
      $0.users.subtract(1, ordering: .acquiringAndReleasing).newValue
    }
    guard left == 0 else { return }
    // Somebody may have sat down, or risen and removed it.
    shard._withUnsafeGuaranteedRef { $0.removeUnused(key) }
  }
}

/// A place in the flight of a name, from the first time that a task waits until it has what it wants. The
/// table's owner is referenced as long as it is taken.
internal struct LookupSeat: ~Copyable {
  internal private(set) var flight: Unmanaged<LookupFlight>?

  internal init() {}

  deinit {
    if let flight { LookupFlight.rise(flight) }
  }

  /// Sit down, unless that has been done. `directory` is referenced by the caller as long as the seat is
  /// taken, so that nothing else gets its address.
  @discardableResult
  internal mutating func take<Name: DentryName & ~Escapable>(
    in flights: LookupFlights, directory: OpaquePointer, name: Name
  ) -> Unmanaged<LookupFlight> {
    if let flight { return flight }
    let flight = flights.sit(directory: directory, name: name)
    self.flight = flight
    return flight
  }
}

/// The flights of a cache, by directory and hash of the name: who has the wrong one is raised for no
/// reason, and that is all.
internal final class LookupFlights: Sendable {
  fileprivate struct Key: Hashable, Sendable {
    /// Its address.
    let directory: UInt
    let hash: UInt32
  }

  fileprivate final class Shard: @unchecked Sendable {
    // Sendable: the table is touched with the lock held only.
    let monitor = Monitor()
    var flights: [Key: LookupFlight] = [:]

    /// What is there now, if it is nobody's.
    func removeUnused(_ key: Key) {
      monitor.lock()
      defer { monitor.unlock() }
      if flights[key]?.isUnused == true { flights[key] = nil }
    }
  }

  private let shards = (0..<16).map { _ in Shard() }

  /// Calls `d_hash_name`.
  fileprivate func sit<Name: DentryName & ~Escapable>(
    directory: OpaquePointer, name: Name
  ) -> Unmanaged<LookupFlight> {
    let hash = name.withQstr { name in
      var hashed = name.pointee
      // A name that is none has another hash, and nobody who is after it.
      _ = d_hash_name(directory, &hashed)
      return hashed.hash
    }
    let key = Key(directory: UInt(bitPattern: directory), hash: hash)
    let shard = shards[Int(hash >> 3) % shards.count]
    shard.monitor.lock()
    defer { shard.monitor.unlock() }
    if let flight = shard.flights[key] {
      flight.sit()
      return Unmanaged.passUnretained(flight)
    }
    let flight = LookupFlight(key, shard)
    flight.sit()
    shard.flights[key] = flight
    return Unmanaged.passUnretained(flight)
  }
}
