// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

// For tasks: who waits for another's lookup is suspended and blocks no thread. Threads and tasks wait for
// each other's lookups.
//
// No call holds a directory's lock while it is suspended: a task has no thread that could own one. What is
// created, removed or invalidated meanwhile overtakes the lookup.

/// What a call keeps from one wait to the next.
private struct Wait: ~Copyable {
  let deadline: Deadline
  var seat = LookupSeat()
  /// Was the last answer that of a lookup that was waited for?
  var isShared = false

  init(deadline: Deadline = .none) { self.deadline = deadline }

  @inline(__always)
  nonisolated(nonsending)
    func outcome(of waiter: LookupWaiter) async -> LookupWaiter.Outcome
  {
    deadline.exists
      ? await waiter.outcome(deadline, seat.flight) : await waiter.outcome(seat.flight)
  }
}

/// What a call has come to.
private enum Step<Payload: AnyObject & Sendable>: ~Copyable {
  case found(Dentry<Payload>)
  case pending(InLookup<Payload>)
  /// It is registered.
  case waiting(LookupWaiter)
}

extension DentryCache {
  /// Find an entry, or become the one who asks for it. Calls `d_lookup` and `d_alloc_parallel_async`.
  ///
  ///     switch try await cache.allocParallel(parent: directory, name: "motd") {
  ///     case .found(let entry):
  ///       return entry
  ///     case .pending(let lookup):
  ///       guard let file = await fetch() else { return try lookup.addNegative() }
  ///       return try lookup.add(file, kind: .regular)
  ///     }
  ///
  /// If somebody else is asking for the name, the task is suspended until that lookup ends. The lookup that
  /// it may get belongs to no thread. A task that owns one and looks for the same name again waits for
  /// itself, until it is cancelled.
  ///
  /// A task that is cancelled while it waits leaves the others waiting. One that was cancelled before gets
  /// what is cached, and else is told at once. If the answer comes first it is returned.
  ///
  /// - Throws: ``DcacheError/canceled``; and what the call that blocks does, but for
  ///   ``DcacheError/resourceDeadlockAvoided``.
  nonisolated(nonsending)
    public func allocParallel<Name: DentryName & ~Escapable>(
      parent: borrowing Dentry<Payload>, name: Name
    ) async throws(DcacheError) -> AllocParallel<Payload>
  {
    var wait = Wait()
    return try await begin(parent, name, &wait)
  }

  /// The same, but wait no longer than to a point in time. One that has passed makes it a try.
  ///
  ///     let result = try await cache.allocParallel(
  ///       parent: directory, name: "motd", until: .now + .seconds(1))
  ///
  /// - Throws: ``DcacheError/timedOut``: another's lookup is still under way then.
  nonisolated(nonsending)
    public func allocParallel<Name: DentryName & ~Escapable, C: Clock>(
      parent: borrowing Dentry<Payload>, name: Name, until deadline: C.Instant,
      clock: C = .continuous
    ) async throws(DcacheError) -> AllocParallel<Payload>
  {
    var wait = Wait(deadline: Deadline(deadline, clock))
    return try await begin(parent, name, &wait)
  }

  /// The same without waiting for anybody, from tasks and threads. Calls `d_alloc_noblock`.
  ///
  /// - Throws: ``DcacheError/wouldBlock``: somebody is asking for the name, or changes what is looked at.
  public func allocParallelNow<Name: DentryName & ~Escapable>(
    parent: borrowing Dentry<Payload>, name: Name
  ) throws(DcacheError) -> AllocParallel<Payload> {
    let directory = parent.raw
    let entry = try pointer(name.withQstr { name in d_alloc_noblock(directory, name, nil) })
    guard d_in_lookup(entry) else { return .found(Dentry(consuming: entry)) }
    // A task may be another thread's when it ends it. The lock of a new entry is free, or about to be.
    d_lookup_detach(entry)
    return .pending(InLookup(consuming: entry))
  }

  nonisolated(nonsending)
    private func begin<Name: DentryName & ~Escapable>(
      _ parent: borrowing Dentry<Payload>, _ name: Name, _ wait: inout Wait
    ) async throws(DcacheError) -> AllocParallel<Payload>
  {
    var outcome: LookupWaiter.Outcome?
    while true {
      switch try step(parent, name, &wait, after: outcome) {
      case .found(let entry): return .found(entry)
      case .pending(let lookup): return .pending(lookup)
      case .waiting(let waiter): outcome = await wait.outcome(of: waiter)
      }
    }
  }

  /// All that is done between two waits; `outcome`: of the last, if this is not the first step. Not `async`,
  /// nor part of what is: a waiting task's frames are what waking it costs, as they are in no cache any more.
  @inline(never)
  private func step<Name: DentryName & ~Escapable>(
    _ parent: borrowing Dentry<Payload>, _ name: Name, _ wait: inout Wait,
    after outcome: LookupWaiter.Outcome?
  ) throws(DcacheError) -> Step<Payload> {
    wait.isShared = false
    switch outcome {
    case nil:
      if let hit = lookup(parent: parent, name: name) { return .found(hit) }
    case .stopped(let error):
      throw error
    case .ended(let result):
      // nil: nobody knows yet; another round.
      guard result.raw != nil else { break }
      wait.isShared = true
      return .found(Dentry(consuming: try pointer(result.raw)))
    }
    guard !Task.isCancelled else { throw .canceled }
    let waiter = LookupWaiter()
    let directory = parent.raw
    let answer = name.withQstr { name in
      waiter.register { d_alloc_parallel_async(directory, name, $0) }
    }
    if answer != nil {
      let entry = try pointer(answer)
      return d_in_lookup(entry)
        ? .pending(InLookup(consuming: entry)) : .found(Dentry(consuming: entry))
    }
    wait.seat.take(in: flights, directory: directory, name: name)
    return .waiting(waiter)
  }
}

// MARK: - The whole protocol

extension DentryCache {
  /// Find an entry; if it is not cached, wait for whoever is asking for it, or ask `lookup`.
  ///
  ///     let entry = try await cache.resolve(parent: directory, name: "motd") {
  ///       name async throws(DcacheError) in
  ///       guard let file = try await fetch(name) else { return .absent }
  ///       return .found(file, kind: .regular, number: file.number)
  ///     }
  ///
  /// Of all tasks and threads that miss the same name at the same time one asks; the others wait, tasks
  /// suspended, and get the same entry, or the same error. The task that asks is at least as urgent as those
  /// that wait for it. A hit does not suspend.
  ///
  /// A waiting task that is cancelled leaves the others alone. If the one that asks is cancelled, the
  /// lookup ends as `cancellation` says, at once; the call returns when `lookup` does.
  ///
  /// - Parameters:
  ///   - parent: a directory.
  ///   - name: the name; `.` and `..` are refused.
  ///   - cancellation: what becomes of the lookup if this task is cancelled while it asks.
  ///   - backend: is asked, in this task. Gets the name as it was given. The closure of a
  ///     ``LookupAnswer/numbered(_:orMake:)`` must not block.
  /// - Returns: the entry, positive or negative.
  /// - Throws: ``DcacheError/canceled``; ``DcacheError/notSupported``: the cache's own backend revalidates
  ///   and is no ``AsyncDirectoryBackend``; and what ``resolve(parent:name:locking:lookup:)`` does.
  nonisolated(nonsending)
    public func resolve<Name: DentryName & ~Escapable>(
      parent: borrowing Dentry<Payload>, name: Name, cancellation: LookupCancellation = .handOver,
      lookup backend:
        nonisolated(nonsending) (Name) async throws(DcacheError) -> LookupAnswer<Payload>
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    var wait = Wait()
    switch try await find(parent, name, &wait) {
    case .found(let entry):
      return entry
    case .pending(let lookup):
      return try await ask(backend, for: name, in: parent, lookup, cancellation, &wait)
    }
  }

  /// The same with a closure that does not suspend. It runs on the caller's executor, and must not block.
  nonisolated(nonsending)
    public func resolve<Name: DentryName & ~Escapable>(
      parent: borrowing Dentry<Payload>, name: Name, cancellation: LookupCancellation = .handOver,
      lookup backend: (Name) throws(DcacheError) -> LookupAnswer<Payload>
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    var wait = Wait()
    switch try await find(parent, name, &wait) {
    case .found(let entry):
      return entry
    case .pending(let lookup):
      return try await ask(
        { name throws(DcacheError) in try backend(name) }, for: name, in: parent, lookup,
        cancellation, &wait)
    }
  }

  /// The same, to a point in time: if nobody has answered then, the call returns, even if the backend does
  /// not. `lookup` is called in a task of its own, which is cancelled then and left to itself; so is the
  /// cache's backend that is asked about an entry. A clock that throws by itself is at its deadline.
  ///
  /// - Throws: ``DcacheError/timedOut``; if this task was asking, the lookup ended as `cancellation` says.
  nonisolated(nonsending)
    public func resolve<Name: DentryName & Sendable, C: Clock>(
      parent: borrowing Dentry<Payload>, name: Name, until deadline: C.Instant,
      clock: C = .continuous, cancellation: LookupCancellation = .handOver,
      lookup backend:
        @escaping @Sendable (Name) async throws(DcacheError) -> LookupAnswer<Payload>
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    var wait = Wait(deadline: Deadline(deadline, clock))
    switch try await find(parent, name, &wait) {
    case .found(let entry):
      return entry
    case .pending(let lookup):
      return try await ask(
        backend, for: name, in: SharedDentry(parent.duplicate()), lookup, cancellation, &wait)
    }
  }

  /// Find an entry; if it is not cached, wait for whoever is asking for it, or ask the cache's backend.
  ///
  ///     let entry = try await cache.resolve(parent: cache.root, name: "etc")
  ///
  /// - Throws: ``DcacheError/notSupported``: the cache's backend is no ``AsyncDirectoryBackend``; and as
  ///   with a closure.
  nonisolated(nonsending)
    public func resolve<Name: DentryName & ~Escapable>(
      parent: borrowing Dentry<Payload>, name: Name, cancellation: LookupCancellation = .handOver
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    guard let backend = asyncBackend else { throw .notSupported }
    let directory = parent.payload
    return try await resolve(parent: parent, name: name, cancellation: cancellation) {
      name async throws(DcacheError) in
      guard let directory else { throw .noSuchFileOrDirectory }
      return try await backend.lookUp(name.bytesOfName, in: directory)
    }
  }

  /// The same, to a point in time; see above.
  nonisolated(nonsending)
    public func resolve<Name: DentryName & ~Escapable, C: Clock>(
      parent: borrowing Dentry<Payload>, name: Name, until deadline: C.Instant,
      clock: C = .continuous, cancellation: LookupCancellation = .handOver
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    guard let backend = asyncBackend else { throw .notSupported }
    let directory = parent.payload
    return try await resolve(
      parent: parent, name: name.bytesOfName, until: deadline, clock: clock,
      cancellation: cancellation
    ) { name async throws(DcacheError) in
      guard let directory else { throw .noSuchFileOrDirectory }
      return try await backend.lookUp(name, in: directory)
    }
  }

  /// All of it but asking.
  @inline(__always)
  nonisolated(nonsending)
    private func find<Name: DentryName & ~Escapable>(
      _ parent: borrowing Dentry<Payload>, _ name: Name, _ wait: inout Wait
    ) async throws(DcacheError) -> AllocParallel<Payload>
  {
    try checkInstance(of: parent)
    guard !name.withQstr({ $0.pointee.isDots }) else { throw .invalidArgument }
    guard parent.isPositive else { throw .noSuchFileOrDirectory }
    guard parent.isDirectory else { throw .notDirectory }
    // As in `resolveSlow`.
    var isToBeChecked = true
    var outcome: LookupWaiter.Outcome?
    while true {
      switch try step(parent, name, &wait, after: outcome) {
      case .waiting(let waiter):
        outcome = await wait.outcome(of: waiter)
      case .found(let entry):
        // Who waited for an answer takes it as it is, if there is nobody who can say more.
        if !isToBeChecked || (wait.isShared && backend?.revalidate == nil) { return .found(entry) }
        if try await isTrueOrInvalidated(entry, wait.deadline) { return .found(entry) }
        isToBeChecked = false
        outcome = nil
      case .pending(let lookup):
        if parent.isComplete { return .found(try lookup.addNegative()) }
        return .pending(lookup)
      }
    }
  }

  /// As `isTrue`, asking the backend for tasks.
  @inline(never)
  nonisolated(nonsending)
    private func isTrueOrInvalidated(
      _ entry: borrowing Dentry<Payload>, _ deadline: Deadline
    ) async throws(DcacheError) -> Bool
  {
    guard backend?.revalidate != nil else { return try Self.revalidate(entry, 0) }
    guard let asyncBackend else { throw .notSupported }
    // Only the library can tell since when it was vouched for, and it does not wait for tasks: what is stale
    // already, or turns stale meanwhile, is not vouched for.
    if !entry.isStale {
      let isTrue = try await Self.ask(asyncBackend, about: entry, deadline)
      if isTrue, !entry.isStale { return true }
    }
    return try Self.revalidate(entry, knownUntrue)
  }

  /// Calls `d_revalidate`, which invalidates an entry that is not true.
  private static func revalidate(
    _ entry: borrowing Dentry<Payload>, _ flags: UInt32
  ) throws(DcacheError) -> Bool {
    let status = d_revalidate(entry.raw, flags)
    try check(status)
    return status > 0
  }

  /// In this task, or, if there is a deadline, in one that may outlive the call.
  nonisolated(nonsending)
    private static func ask(
      _ backend: some AsyncDirectoryBackend<Payload>, about entry: borrowing Dentry<Payload>,
      _ deadline: Deadline
    ) async throws(DcacheError) -> Bool
  {
    if deadline.exists {
      let entry = SharedDentry(entry.duplicate())
      return try await deadline.call { () async throws(DcacheError) in
        try await backend.revalidate(entry.dentry)
      }
    }
    do throws(DcacheError) {
      return try await backend.revalidate(entry)
    } catch {
      throw Task.isCancelled ? .canceled : error
    }
  }

  /// Ask in this task.
  @inline(never)
  nonisolated(nonsending)
    private func ask<Name: DentryName & ~Escapable>(
      _ backend: nonisolated(nonsending) (Name) async throws(DcacheError) -> LookupAnswer<Payload>,
      for name: Name, in parent: borrowing Dentry<Payload>, _ lookup: consuming InLookup<Payload>,
      _ cancellation: LookupCancellation, _ wait: inout Wait
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    let owner = LookupOwner(lookup)
    let flight = wait.seat.take(in: flights, directory: parent.raw, name: name)
    let result = await withTaskCancellationHandler {
      await owner.ask(
        backend, for: name, cancellation, flight.takeUnretainedValue(), flights)
    } onCancel: {
      owner.stop(cancellation, .canceled)
    }
    guard let result else { throw .canceled }
    return Dentry(consuming: try pointer(result.get().raw))
  }

  /// Ask in a task of its own, which may outlive the call.
  @inline(never)
  nonisolated(nonsending)
    private func ask<Name: DentryName & Sendable>(
      _ backend: @escaping @Sendable (Name) async throws(DcacheError) -> LookupAnswer<Payload>,
      for name: Name, in parent: SharedDentry<Payload>, _ lookup: consuming InLookup<Payload>,
      _ cancellation: LookupCancellation, _ wait: inout Wait
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    let deadline = wait.deadline
    guard !deadline.hasPassed else {
      lookup.end(cancellation, .timedOut)
      throw .timedOut
    }
    let owner = LookupOwner(lookup)
    let answer = Rendezvous<Result<RawResult, DcacheError>>()
    let flights = flights
    let flight = wait.seat.take(in: flights, directory: parent.dentry.raw, name: name)
    // A seat of the task's own. The directory and the table are referenced as long as it is taken.
    let seat = flight.takeUnretainedValue()
    seat.sit()
    let call = Task {
      defer { withExtendedLifetime((parent, flights)) { LookupFlight.rise(.passUnretained(seat)) } }
      let result = await owner.ask(backend, for: name, cancellation, seat, flights)
      // nil: `stop` was first.
      if let result { answer.bring(result) }
    }
    @Sendable func stop(_ reason: DcacheError) {
      if owner.stop(cancellation, reason) { answer.bring(.failure(reason)) }
      call.cancel()
    }
    let timer = deadline.start { stop(.timedOut) }
    defer { timer?.cancel() }
    let result = await withTaskPriorityEscalationHandler {
      await withTaskCancellationHandler {
        await answer.value()
      } onCancel: {
        stop(.canceled)
      }
    } onPriorityEscalated: { _, priority in
      call.escalatePriority(to: priority)
    }
    do throws(DcacheError) {
      return Dentry(consuming: try pointer(result.get().raw))
    } catch .canceled where !Task.isCancelled && deadline.hasPassed {
      // It was adding the answer.
      throw .timedOut
    }
  }
}
