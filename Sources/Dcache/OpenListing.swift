// SPDX-License-Identifier: LGPL-2.1-or-later

public import CDcache

/// A directory that is being listed: takes the names that are read of it into the cache.
///
/// Lent to the closure of ``DentryCache/list(_:locking:_:)``, which it cannot leave.
public struct OpenListing<Payload: AnyObject & Sendable>: ~Copyable {
  private let raw: UnsafeMutablePointer<dir_listing>

  fileprivate init(_ raw: UnsafeMutablePointer<dir_listing>) {
    self.raw = raw
  }

  /// The listing holds a name, which leads to a new object. Calls `new_inode` and `dir_listing_add`.
  ///
  /// A name that is cached with an object made by another call is replaced: for objects that may be known
  /// there is ``add(name:number:orMake:)``.
  ///
  /// - Throws: what ``InLookup/add(_:kind:number:matching:)`` does. The directory will not be complete.
  public borrowing func add<Name: DentryName & ~Escapable>(
    name: Name, _ payload: Payload, kind: InodeKind, number: UInt64 = 0
  ) throws(DcacheError) {
    try add(
      name: name,
      .make(in: d_dcache(raw.pointee.dir), payload: payload, kind: kind, number: number))
  }

  /// The listing holds a name, which leads to the object of a number; see
  /// ``DentryCache/inode(number:orMake:)``.
  @available(*, noasync)
  public borrowing func add<Name: DentryName & ~Escapable>(
    name: Name, number: UInt64, orMake make: () throws(DcacheError) -> (Payload, InodeKind)
  ) throws(DcacheError) {
    try add(name: name, .numbered(number, in: d_dcache(raw.pointee.dir), orMake: make))
  }

  /// The listing holds a name, which leads to an object that is known. Calls `dir_listing_add`.
  ///
  /// A name that is cached is left as it is if it leads to that object, and replaced otherwise. One that
  /// somebody is asking for is left to them. A directory that has an entry elsewhere is moved here.
  public borrowing func add<Name: DentryName & ~Escapable>(
    name: Name, _ inode: consuming Inode<Payload>
  ) throws(DcacheError) {
    let rawInode = inode.take()
    let listing = raw
    try check(name.withQstr { name in dir_listing_add(listing, name, rawInode) })
  }
}

@available(*, unavailable)
extension OpenListing: Sendable {}

extension DentryCache {
  /// Take all names of a directory into the cache, so that it knows them all: it answers by itself then
  /// what does not exist. Calls `dir_listing_begin` and `dir_listing_end`.
  ///
  ///     try cache.list(directory) { listing throws(DcacheError) in
  ///       for file in try store.files(in: directory) {
  ///         try listing.add(name: file.name, file, kind: .regular, number: file.number)
  ///       }
  ///     }
  ///
  /// When `body` returns, all names are there. If it throws, what was added stays, but the directory is
  /// not complete.
  ///
  /// - Parameters:
  ///   - directory: a directory.
  ///   - locking: who locks it meanwhile.
  ///   - body: reads the directory, from its first entry to its last.
  /// - Returns: is the directory complete now? Not if a name could not be added, or if an entry was lost or
  ///   names were invalidated meanwhile.
  /// - Throws: ``DcacheError/noSuchFileOrDirectory`` or ``DcacheError/notDirectory``, and what `body`
  ///   throws.
  @available(*, noasync)
  @discardableResult
  public func list(
    _ directory: borrowing Dentry<Payload>, locking: DirectoryLocking = .shared,
    _ body: (borrowing OpenListing<Payload>) throws(DcacheError) -> Void
  ) throws(DcacheError) -> Bool {
    let inode = try Self.directoryInode(directory)
    if locking == .shared { inode_lock_shared(inode) }
    defer { if locking == .shared { inode_unlock_shared(inode) } }
    var listing = dir_listing()
    let entry = directory.raw
    return try withUnsafeMutablePointer(to: &listing) { listing throws(DcacheError) in
      try check(dir_listing_begin(listing, entry))
      do throws(DcacheError) {
        try body(OpenListing(listing))
      } catch {
        _ = dir_listing_end(listing, false)
        throw error
      }
      return dir_listing_end(listing, true)
    }
  }
}

extension Dentry {
  /// Are all names of this directory cached, so that others are known not to exist? Calls
  /// `d_is_complete`.
  @inlinable
  public var isComplete: Bool { d_is_complete(raw) }

  /// Not all names of this directory need be cached: something was created in it behind the cache's back.
  /// Calls `d_clear_complete`.
  public borrowing func clearComplete() {
    d_clear_complete(raw)
  }
}
