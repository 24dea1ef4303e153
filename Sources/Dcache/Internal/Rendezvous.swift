// SPDX-License-Identifier: LGPL-2.1-or-later

import Synchronization

private enum RendezvousState {
  static let idle = 0
  static let waiting = 1
  static let done = 2
}

/// Where one task suspends until somebody, once, brings it something. Either may come first.
///
/// 1. `bring` is called at most once: who calls it has won a race that has one winner. So a continuation
///    is resumed once.
/// 2. Each side writes its own part and then exchanges the state. Who comes second sees the other's, and
///    it is that one who resumes or does not suspend.
/// 3. That it is done is the last that who brings writes or reads there: from then on the task may go on, and
///    the memory with it. So the task's own hold on it is enough.
package struct RendezvousPlace<Companion, Value: Sendable>: ~Copyable {
  // Used where it lies, by both at once: hence the pointers. An atomic and no lock, since the thread
  // sanitizer does not know Swift's `Mutex`.
  /// What shares the memory. First, so that its address is the place's.
  package var companion: Companion
  private let state = Atomic<Int>(RendezvousState.idle)
  private var waiting: UnsafeContinuation<Value, Never>?
  private var brought: Value?

  package init(_ companion: Companion) { self.companion = companion }

  /// The value, once there is one. To be called once.
  @inline(__always)
  nonisolated(nonsending)
    package static func value(at place: UnsafeMutablePointer<Self>) async -> Value
  {
    let value = await withUnsafeContinuation { continuation in
      place.pointee.waiting = continuation
      let (isFirst, _) = place.pointee.state.compareExchange(
        expected: RendezvousState.idle, desired: RendezvousState.waiting,
        ordering: .acquiringAndReleasing)
      if !isFirst { continuation.resume(returning: place.pointee.brought.unsafelyUnwrapped) }
    }
    // The runtime has handed it over; the thread sanitizer does not see that it has, but sees this.
    _ = place.pointee.state.load(ordering: .acquiring)
    return value
  }

  /// Rule 1.
  package static func bring(_ value: Value, to place: UnsafeMutablePointer<Self>) {
    place.pointee.brought = value
    let (isFirst, _) = place.pointee.state.compareExchange(
      expected: RendezvousState.idle, desired: RendezvousState.done,
      ordering: .acquiringAndReleasing)
    guard !isFirst else { return }
    // It is there, or rule 1 was broken.
    let continuation = place.pointee.waiting
    let before = place.pointee.state.exchange(RendezvousState.done, ordering: .releasing)
    precondition(before == RendezvousState.waiting, "two answers for one who waits")
    continuation.unsafelyUnwrapped.resume(returning: value)
  }
}

/// A place of its own, in memory that lasts as long as anybody refers to it.
package struct Rendezvous<Value: Sendable>: @unchecked Sendable {
  // Sendable: `buffer` does not change; what is in it is for two (`RendezvousPlace`, rule 2).
  private final class Buffer: ManagedBuffer<Void, RendezvousPlace<Void, Value>> {
    deinit {
      _ = withUnsafeMutablePointerToElements { $0.deinitialize(count: 1) }
    }
  }

  private let buffer: ManagedBuffer<Void, RendezvousPlace<Void, Value>>

  package init() {
    buffer = Buffer.create(minimumCapacity: 1) { _ in }
    place.initialize(to: RendezvousPlace(()))
  }

  /// Where it is does not change.
  private var place: UnsafeMutablePointer<RendezvousPlace<Void, Value>> {
    buffer.withUnsafeMutablePointerToElements { $0 }
  }

  /// The value, once there is one. To be called once.
  nonisolated(nonsending)
    package func value() async -> Value
  {
    defer { withExtendedLifetime(buffer) {} }
    return await RendezvousPlace.value(at: place)
  }

  /// To be called at most once.
  package func bring(_ value: Value) {
    RendezvousPlace.bring(value, to: place)
    withExtendedLifetime(buffer) {}
  }
}
