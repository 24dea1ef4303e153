// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache
import Synchronization

/// The lookup of a task that is asking a backend. The backend's answer, the cancellation of the task and
/// the deadline race for it; who takes it ends it, and the others come too late.
internal final class LookupOwner<Payload: AnyObject & Sendable>: Sendable {
  /// The token's pointer, or 0.
  private let raw: Atomic<UInt>

  internal init(_ lookup: consuming InLookup<Payload>) {
    raw = Atomic(UInt(bitPattern: lookup.take()))
  }

  deinit {
    _ = take()
  }

  /// The lookup, for the first who calls.
  internal func take() -> InLookup<Payload>? {
    guard let raw = OpaquePointer(bitPattern: raw.exchange(0, ordering: .acquiringAndReleasing))
    else { return nil }
    return InLookup(consuming: raw)
  }

  /// End it without an answer, if nobody else was first.
  @discardableResult
  internal func stop(_ cancellation: LookupCancellation, _ reason: DcacheError) -> Bool {
    guard let lookup = take() else { return false }
    lookup.end(cancellation, reason)
    return true
  }
}

extension LookupOwner {
  /// Ask, and end the lookup with the answer. Returns nil if somebody else has ended it meanwhile; what the
  /// backend says is let go of then.
  nonisolated(nonsending)
    internal func ask<Name: DentryName & ~Escapable>(
      _ backend: nonisolated(nonsending) (Name) async throws(DcacheError) -> LookupAnswer<Payload>,
      for name: Name, _ cancellation: LookupCancellation, _ flight: LookupFlight,
      _ flights: LookupFlights
    ) async -> Result<RawResult, DcacheError>?
  {
    let number = flight.enter()
    defer { flight.leave(number) }
    return await answer(from: backend, for: name, cancellation, flights)
  }

  nonisolated(nonsending)
    private func answer<Name: DentryName & ~Escapable>(
      from backend:
        nonisolated(nonsending) (Name) async throws(DcacheError) -> LookupAnswer<Payload>,
      for name: Name, _ cancellation: LookupCancellation, _ flights: LookupFlights
    ) async -> Result<RawResult, DcacheError>?
  {
    // The task was cancelled, or its time was over, before it had begun: nobody wants to know.
    guard raw.load(ordering: .relaxed) != 0 else { return nil }
    let answer: LookupAnswer<Payload>
    do throws(DcacheError) {
      answer = try await backend(name)
    } catch {
      guard let lookup = take() else { return nil }
      // It may have learned of the cancellation before `stop` was called.
      guard !Task.isCancelled else {
        lookup.end(cancellation, .canceled)
        return .failure(.canceled)
      }
      lookup.fail(error)
      return .failure(error)
    }
    guard let lookup = take() else { return nil }
    do throws(DcacheError) {
      let entry = try await answer.end(lookup, cancellation, flights)
      return .success(RawResult(entry.take()))
    } catch {
      return .failure(error)
    }
  }
}
