// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// The tasks that are after one name, so that the one who asks the backend is not less urgent than any
/// of those who wait for it.
///
/// 1. `owners` are those who are asking: the last one, and before it those who were cancelled and whose
///    backends have not returned. `leave` returns after the last use of a task, so that none is used after
///    it has gone on.
/// 2. The runtime is called without the lock, by one at a time (`isBusy`): it runs handlers of the
///    program's. Others only leave their wish.
/// 3. A wish outlives an owner: who becomes the next one is raised by itself.
internal final class LookupFlight: @unchecked Sendable {
  // Sendable: all that changes is touched with the lock held only.
  /// Its table's, which many share: held for moments only. Signalled when `isBusy` ends.
  private let monitor: Monitor
  private var owners: [Owner] = []
  private var entered = 0
  private var wanted: TaskPriority?
  private var isBusy = false

  private struct Owner {
    let number: Int
    let task: UnsafeCurrentTask
    var priority: TaskPriority
  }

  /// How many are after the name; the table's.
  fileprivate var users = 0

  fileprivate init(_ monitor: Monitor) { self.monitor = monitor }

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
    monitor.lock()
    wanted = max(wanted ?? priority, priority)
    raise()
    monitor.unlock()
  }

  /// Rule 2. With the lock held, but not throughout.
  private func raise() {
    while !isBusy, let owner = owners.last, let wanted, wanted > owner.priority {
      owners[owners.count - 1].priority = wanted
      isBusy = true
      monitor.unlock()
      owner.task.escalatePriority(to: wanted)
      monitor.lock()
      isBusy = false
      monitor.broadcast()
    }
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

  private final class Shard: @unchecked Sendable {
    // Sendable: the table is touched with the lock held only.
    let monitor = Monitor()
    var flights: [Key: LookupFlight] = [:]
  }

  private let shards = (0..<16).map { _ in Shard() }

  /// A place in the flight of a name, from the first time that a task waits until it has what it wants.
  internal final class Seat: Sendable {
    internal let flight: LookupFlight
    private let flights: LookupFlights
    private let key: Key

    fileprivate init(_ key: Key, _ flights: LookupFlights) {
      flight = flights.sit(key)
      self.flights = flights
      self.key = key
    }

    deinit {
      flights.rise(key, flight)
    }
  }

  /// Take a seat. `directory` is referenced by the caller as long as it is taken, so that nothing else gets
  /// its address. Calls `d_hash_name`.
  internal func seat<Name: DentryName & ~Escapable>(
    directory: OpaquePointer, name: Name
  ) -> Seat {
    let hash = name.withQstr { name in
      var hashed = name.pointee
      // A name that is none has another hash, and nobody who is after it.
      _ = d_hash_name(directory, &hashed)
      return hashed.hash
    }
    return Seat(Key(directory: UInt(bitPattern: directory), hash: hash), self)
  }

  private func shard(_ key: Key) -> Shard { shards[Int(key.hash >> 3) % shards.count] }

  fileprivate func sit(_ key: Key) -> LookupFlight {
    let shard = shard(key)
    shard.monitor.lock()
    defer { shard.monitor.unlock() }
    let flight = shard.flights[key] ?? LookupFlight(shard.monitor)
    shard.flights[key] = flight
    flight.users += 1
    return flight
  }

  fileprivate func rise(_ key: Key, _ flight: LookupFlight) {
    let shard = shard(key)
    shard.monitor.lock()
    defer { shard.monitor.unlock() }
    flight.users -= 1
    if flight.users == 0 { shard.flights[key] = nil }
  }
}
