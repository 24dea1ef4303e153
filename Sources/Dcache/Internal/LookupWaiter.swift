// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// A task's place among those who wait for another's lookup: `struct d_waiter` and what it wakes, in one
/// piece of memory.
///
/// 1. The library's callback, the cancellation of the task and the deadline race. `d_waiter_cancel` says
///    who is first: it is true for at most one, and then the callback is not called. That one brings
///    the outcome (`RendezvousPlace`, rule 1).
/// 2. While it is registered the task waits for the outcome, and holds the memory. The callback, which does
///    not touch it after that, needs no hold of its own (`RendezvousPlace`, rule 3).
/// 3. Who comes too late still finds the memory: the task's cancellation handler and its timer hold it, too.
///    Each wait has memory of its own, so that nobody cancels the next one.
internal struct LookupWaiter: @unchecked Sendable {
  // Sendable: `buffer` does not change, and what it points to is the library's from `register` on.

  internal enum Outcome: Sendable {
    /// The lookup ended; with a referenced entry, an error, or nil: nobody knows yet.
    case ended(RawResult)
    /// The registration was taken back, for that reason.
    case stopped(DcacheError)
  }

  private typealias Place = RendezvousPlace<d_waiter, Outcome>

  /// A buffer of one, as memory that is not an object's is asked for with an alignment, which takes the C
  /// library longer. Nothing in it needs an end.
  private let buffer: ManagedBuffer<Void, Place>

  internal init() {
    buffer = .create(minimumCapacity: 1) { _ in }
    place.initialize(to: Place(d_waiter()))
  }

  /// Where it is does not change, and lasts as long as the buffer.
  private var place: UnsafeMutablePointer<Place> {
    buffer.withUnsafeMutablePointerToElements { $0 }
  }

  private static func waiter(in place: UnsafeMutablePointer<Place>) -> UnsafeMutablePointer<
    d_waiter
  > {
    UnsafeMutableRawPointer(place).assumingMemoryBound(to: d_waiter.self)
  }

  private static func place(of waiter: UnsafeMutablePointer<d_waiter>) -> UnsafeMutablePointer<
    Place
  > {
    UnsafeMutableRawPointer(waiter).assumingMemoryBound(to: Place.self)
  }

  /// Make a call that registers this waiter if it returns nil. Once.
  internal func register(
    _ call: (UnsafeMutablePointer<d_waiter>) -> OpaquePointer?
  ) -> OpaquePointer? {
    defer { withExtendedLifetime(buffer) {} }
    place.pointee.companion.func = { waiter, result in
      guard let waiter else { return }
      Place.bring(.ended(RawResult(result)), to: LookupWaiter.place(of: waiter))
    }
    return call(Self.waiter(in: place))
  }

  /// Take the registration back, unless somebody else was first. Calls `d_waiter_cancel`.
  internal func stop(_ reason: DcacheError) {
    defer { withExtendedLifetime(buffer) {} }
    guard d_waiter_cancel(Self.waiter(in: place)) else { return }
    Place.bring(.stopped(reason), to: place)
  }

  /// Suspend until one of the three has come. After `register` has returned nil, once.
  @inline(never)
  nonisolated(nonsending)
    internal func outcome(
      _ deadline: Deadline, _ flight: Unmanaged<LookupFlight>?
    ) async -> Outcome
  {
    let timer = deadline.start { stop(.timedOut) }
    defer { timer?.cancel() }
    return await outcome(flight)
  }

  /// The same without a deadline. `flight`: the caller has a seat in it.
  // Not inlined, so that its caller's frame is small: see `DentryCache.step`.
  @inline(never)
  nonisolated(nonsending)
    internal func outcome(_ flight: Unmanaged<LookupFlight>?) async -> Outcome
  {
    defer { withExtendedLifetime(buffer) {} }
    return await withTaskPriorityEscalationHandler {
      flight?._withUnsafeGuaranteedRef { $0.escalate(to: Task.currentPriority) }
      return await withTaskCancellationHandler {
        await Place.value(at: place)
      } onCancel: {
        stop(.canceled)
      }
    } onPriorityEscalated: { _, priority in
      // Not from here, where the runtime holds a lock of this task's: the owner may be waiting for
      // somebody, too.
      guard let flight = flight?.takeUnretainedValue() else { return }
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
