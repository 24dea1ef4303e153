// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

extension InLookup {
  /// The name is another spelling of `name`, under which the directory stores a new object. Calls
  /// `new_inode`, `d_add_ci_async` and `d_lookup_redirect`.
  ///
  /// As the call that blocks, but while somebody else is asking for the stored spelling the task is
  /// suspended. If it is cancelled then, the lookup ends as `cancellation` says.
  ///
  /// - Throws: ``DcacheError/canceled``, and what the call that blocks does.
  nonisolated(nonsending)
    public consuming func addCI<Name: DentryName & ~Escapable>(
      name: Name, _ payload: Payload, kind: InodeKind, number: UInt64 = 0,
      cancellation: LookupCancellation = .handOver
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    try await addCI(name: name, payload, kind: kind, number: number, cancellation, nil)
  }

  /// The name is another spelling of `name`, under which the directory stores an object that is known.
  /// Calls `d_add_ci_async` and `d_lookup_redirect`.
  ///
  /// - Throws: ``DcacheError/canceled``, and what the call that blocks does.
  nonisolated(nonsending)
    public consuming func addCI<Name: DentryName & ~Escapable>(
      name: Name, _ inode: consuming Inode<Payload>, cancellation: LookupCancellation = .handOver
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    try await addCI(name: name, inode, cancellation, nil)
  }

  nonisolated(nonsending)
    internal consuming func addCI<Name: DentryName & ~Escapable>(
      name: Name, _ payload: Payload, kind: InodeKind, number: UInt64,
      _ cancellation: LookupCancellation, _ flights: LookupFlights?
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    let inode: Inode<Payload>
    do throws(DcacheError) {
      inode = try .make(in: d_dcache(raw), payload: payload, kind: kind, number: number)
    } catch {
      fail(error)
      throw error
    }
    return try await addCI(name: name, inode, cancellation, flights)
  }

  /// `flights`: of the cache, if it is known.
  nonisolated(nonsending)
    internal consuming func addCI<Name: DentryName & ~Escapable>(
      name: Name, _ inode: consuming Inode<Payload>, _ cancellation: LookupCancellation,
      _ flights: LookupFlights?
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    let rawInode = inode.take()
    let directory = parent()
    // To after the end of the seat.
    defer { withExtendedLifetime(flights) {} }
    var seat = LookupSeat()
    while true {
      let waiter = LookupWaiter()
      let asked = raw
      let stored = name.withQstr { name in
        waiter.register { d_add_ci_async(asked, rawInode, name, $0) }
      }
      if let stored { return try redirected(stored) }
      // The inode is still ours.
      if let flights { seat.take(in: flights, directory: directory.raw, name: name) }
      switch await waiter.outcome(seat.flight) {
      case .ended(let result):
        dput(result.raw)
      case .stopped(let error):
        iput(rawInode)
        end(cancellation, error)
        throw error
      }
    }
  }
}
