// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// A task's place among those who wait for another's lookup: `struct d_waiter` and what it wakes.
///
/// 1. The library's callback, the cancellation of the task and the deadline race. `d_waiter_cancel` says
///    who is first: it is true for at most one, and then the callback is not called. That one brings
///    the outcome (`Rendezvous`, rule 1).
/// 2. While it is registered the library holds a reference to this object; whoever is first gives it back.
/// 3. Who comes too late still finds the memory: the task, its cancellation handler and its timer hold
///    references of their own. Each wait has an object of its own, so that nobody cancels the next one.
internal final class LookupWaiter: @unchecked Sendable {
  // Sendable: `buffer` does not change, and what it points to is the library's from `register` on.

  internal enum Outcome: Sendable {
    /// The lookup ended; with a referenced entry, an error, or nil: nobody knows yet.
    case ended(RawResult)
    /// The registration was taken back, for that reason.
    case stopped(DcacheError)
  }

  private struct Cell {
    // First, so that its address is the cell's.
    var waiter = d_waiter()
    var object: Unmanaged<LookupWaiter>?
  }

  /// A buffer of one, as memory that is not an object's is asked for with an alignment, which takes the C
  /// library longer.
  private let buffer: ManagedBuffer<Void, Cell>
  private let rendezvous = Rendezvous<Outcome>()

  internal init() {
    buffer = .create(minimumCapacity: 1) { _ in }
    cell.initialize(to: Cell())
  }

  deinit { cell.deinitialize(count: 1) }

  /// Where it is does not change, and lasts as long as the buffer.
  private var cell: UnsafeMutablePointer<Cell> { buffer.withUnsafeMutablePointerToElements { $0 } }

  private static func take(_ waiter: UnsafeMutablePointer<d_waiter>) -> LookupWaiter {
    UnsafeMutableRawPointer(waiter).assumingMemoryBound(to: Cell.self)
      .pointee.object.unsafelyUnwrapped.takeRetainedValue()
  }

  private var waiter: UnsafeMutablePointer<d_waiter> {
    UnsafeMutableRawPointer(cell).assumingMemoryBound(to: d_waiter.self)
  }

  /// Make a call that registers this waiter if it returns nil. Once.
  internal func register(
    _ call: (UnsafeMutablePointer<d_waiter>) -> OpaquePointer?
  ) -> OpaquePointer? {
    cell.pointee.waiter.func = { waiter, result in
      guard let waiter else { return }
      LookupWaiter.take(waiter).rendezvous.bring(.ended(RawResult(result)))
    }
    let object = Unmanaged.passRetained(self)
    cell.pointee.object = object
    let result = call(waiter)
    if result != nil { object.release() }
    return result
  }

  /// Take the registration back, unless somebody else was first. Calls `d_waiter_cancel`.
  internal func stop(_ reason: DcacheError) {
    guard d_waiter_cancel(waiter) else { return }
    _ = Self.take(waiter)
    rendezvous.bring(.stopped(reason))
  }

  /// Suspend until one of the three has come. After `register` has returned nil, once.
  nonisolated(nonsending)
    internal func outcome(_ deadline: Deadline, _ seat: LookupFlights.Seat?) async -> Outcome
  {
    let timer = deadline.start { self.stop(.timedOut) }
    defer { timer?.cancel() }
    return await withTaskPriorityEscalationHandler {
      seat?.flight.escalate(to: Task.currentPriority)
      return await withTaskCancellationHandler {
        await rendezvous.value()
      } onCancel: {
        stop(.canceled)
      }
    } onPriorityEscalated: { _, priority in
      // Not from here, where the runtime holds a lock of this task's: the owner may be waiting for
      // somebody, too.
      guard let flight = seat?.flight else { return }
      Task(priority: priority) { flight.escalate(to: priority) }
    }
  }
}

/// What a call of the library returned, on its way from one thread to another.
internal struct RawResult: @unchecked Sendable {
  // Sendable: a reference, of which there is one owner at a time.
  internal let raw: OpaquePointer?

  internal init(_ raw: OpaquePointer?) {
    self.raw = raw
  }
}
