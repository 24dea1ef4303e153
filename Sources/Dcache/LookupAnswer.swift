// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// What a backend answers in ``DentryCache/resolve(parent:name:locking:lookup:)``, and a
/// ``DirectoryBackend``.
public enum LookupAnswer<Payload: AnyObject & Sendable>: ~Copyable, Sendable {
  /// The name does not exist. This is remembered.
  case absent

  /// It leads to a new object. `matching`: how names are compared in it, if it is a directory; nil:
  /// as the cache's options say.
  case found(Payload, kind: InodeKind, number: UInt64 = 0, matching: NameMatching? = nil)

  /// It leads to an object that may be known under another name; see ``InLookup/splice(_:)``.
  case known(Inode<Payload>)

  /// It leads to the object of a number, which is made if the cache does not have it; see
  /// ``DentryCache/inode(number:orMake:)``. For stores whose objects have numbers and several names.
  case numbered(UInt64, orMake: @Sendable () throws(DcacheError) -> (Payload, InodeKind))

  /// It is another spelling of `name`, which leads to a new object; see
  /// ``InLookup/addCI(name:_:kind:number:)``.
  case stored(name: [UInt8], Payload, kind: InodeKind, number: UInt64 = 0)

  /// It is another spelling of `name`, which leads to an object that may be known.
  case storedKnown(name: [UInt8], Inode<Payload>)
}

extension LookupAnswer {
  /// End a lookup with the answer.
  @available(*, noasync)
  internal consuming func end(
    _ lookup: consuming InLookup<Payload>
  ) throws(DcacheError) -> Dentry<Payload> {
    switch consume self {
    case .absent:
      return try lookup.addNegative()
    case .found(let payload, let kind, let number, let matching):
      return try lookup.add(payload, kind: kind, number: number, matching: matching)
    case .known(let inode):
      return try lookup.splice(inode)
    case .numbered(let number, let make):
      return try lookup.splice(number: number, orMake: make)
    case .stored(let name, let payload, let kind, let number):
      return try lookup.addCI(name: name, payload, kind: kind, number: number)
    case .storedKnown(let name, let inode):
      return try lookup.addCI(name: name, inode)
    }
  }
}

extension LookupAnswer {
  /// The same for tasks: suspended while somebody else is asking for the stored spelling.
  nonisolated(nonsending)
    internal consuming func end(
      _ lookup: consuming InLookup<Payload>, _ cancellation: LookupCancellation,
      _ flights: LookupFlights
    ) async throws(DcacheError) -> Dentry<Payload>
  {
    switch consume self {
    case .absent:
      return try lookup.addNegative()
    case .found(let payload, let kind, let number, let matching):
      return try lookup.add(payload, kind: kind, number: number, matching: matching)
    case .known(let inode):
      return try lookup.splice(inode)
    case .numbered(let number, let make):
      // Waits for others' `make`, which do not suspend.
      return try lookup.splice(number: number, orMake: make)
    case .stored(let name, let payload, let kind, let number):
      return try await lookup.addCI(
        name: name, payload, kind: kind, number: number, cancellation, flights)
    case .storedKnown(let name, let inode):
      return try await lookup.addCI(name: name, inode, cancellation, flights)
    }
  }
}

extension InLookup {
  fileprivate consuming func splice(
    number: UInt64, orMake make: () throws(DcacheError) -> (Payload, InodeKind)
  ) throws(DcacheError) -> Dentry<Payload> {
    let inode: Inode<Payload>
    do throws(DcacheError) {
      inode = try .numbered(number, in: d_dcache(raw), orMake: make)
    } catch {
      fail(error)
      throw error
    }
    return try splice(inode)
  }
}
