// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache
import Glibc

// MARK: - Inodes by number

extension DentryCache {
  /// The object of a number. Of all who ask for one that the cache does not have, one runs `make`; the
  /// others sleep until it has, and get the same inode. Calls `iget_locked`, and `unlock_new_inode` or
  /// `iget_failed`.
  ///
  ///     let inode = try cache.inode(number: 12) { () throws(DcacheError) in
  ///       (try store.open(12), .regular)
  ///     }
  ///
  /// Inodes made otherwise, by ``makeInode(_:kind:number:)`` or as part of an answer, are not found by
  /// their number. Who asks for the number of one whose last reference has gone gets a new one.
  ///
  /// - Throws: what `make` does, to the one who ran it; the next one runs their own.
  ///   ``DcacheError/noMemory``.
  @available(*, noasync)
  public func inode(
    number: UInt64, orMake make: () throws(DcacheError) -> (Payload, InodeKind)
  ) throws(DcacheError) -> Inode<Payload> {
    try .numbered(number, in: raw, orMake: make)
  }

  /// The object of a number, if the cache has it; waits for one that is being made. Calls `ilookup`.
  @available(*, noasync)
  public func inode(number: UInt64) -> Inode<Payload>? {
    guard let found = ilookup(raw, number) else { return nil }
    return Inode(consuming: found)
  }
}

// MARK: - Finding the way up

extension DentryCache {
  /// Find a directory that ``obtainAlias(of:)`` gave an entry without a place its place in the tree. The
  /// cache must have a backend. Calls `d_reconnect`.
  ///
  ///     try cache.reconnect(entry) { child throws(DcacheError) in
  ///       try cache.inode(number: child.payload.parentNumber, orMake: …)
  ///     } name: { child, parent throws(DcacheError) in
  ///       try store.name(of: child.number, in: parent.number)
  ///     }
  ///
  /// Asks `parent` upwards until it comes to a directory that has its place, and then the backend for the
  /// names downwards: it must answer with the same inodes, as ``LookupAnswer/known(_:)`` or
  /// ``LookupAnswer/numbered(_:orMake:)``.
  ///
  /// - Parameters:
  ///   - directory: any entry; nothing is done if it has its place.
  ///   - parent: the directory in which a directory is stored.
  ///   - name: the name under which it is stored there; throws
  ///     ``DcacheError/noSuchFileOrDirectory`` if it no longer is.
  /// - Throws: ``DcacheError/staleFileHandle``: it is not where the closures say, though asked again;
  ///   ``DcacheError/notDirectory``; ``DcacheError/notSupported``: the cache has no backend; what the
  ///   closures and the backend throw.
  @available(*, noasync)
  public func reconnect(
    _ directory: borrowing Dentry<Payload>,
    parent: (borrowing Inode<Payload>) throws(DcacheError) -> Inode<Payload>,
    name: (
      _ child: borrowing Inode<Payload>, _ parent: borrowing Inode<Payload>
    ) throws(DcacheError) -> [UInt8]
  ) throws(DcacheError) {
    try checkInstance(of: directory)
    defer { withExtendedLifetime(self) {} }
    let entry = directory.raw
    let status = withoutActuallyEscaping(parent) { parent in
      withoutActuallyEscaping(name) { name in
        Reconnection(
          parent: { child in
            let child = Inode<Payload>.lent(child)
            do throws(DcacheError) {
              return try parent(child).take()
            } catch {
              return OpaquePointer(ERR_PTR(-Int(error.number)))
            }
          },
          name: { child, parent, buffer in
            let child = Inode<Payload>.lent(child)
            let parent = Inode<Payload>.lent(parent)
            do throws(DcacheError) {
              return Reconnection.copy(try name(child, parent), to: buffer)
            } catch {
              return -error.number
            }
          }
        ).run(entry)
      }
    }
    try check(status)
  }
}

extension Inode {
  /// One that is referenced by somebody else.
  fileprivate static func lent(_ raw: OpaquePointer) -> Inode {
    ihold(raw)
    return Inode(consuming: raw)
  }
}
