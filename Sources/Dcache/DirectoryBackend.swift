// SPDX-License-Identifier: LGPL-2.1-or-later

/// Where a cache's answers come from, if all of them come from one place.
///
/// A cache that is made with a backend asks it by itself: ``DentryCache/walk(_:options:)`` resolves whole
/// paths, ``DentryCache/resolve(parent:name:locking:)`` one name.
///
///     struct Store: DirectoryBackend {
///       func lookup(
///         _ name: Span<UInt8>, in directory: File
///       ) throws(DcacheError) -> LookupAnswer<File> {
///         guard let file = try open(name, in: directory) else { return .absent }
///         return .found(file, kind: file.kind, number: file.number)
///       }
///
///       func linkTarget(of link: File) throws(DcacheError) -> [UInt8] {
///         try readLink(link)
///       }
///     }
///
///     let cache = try DentryCache(root: File(), backend: Store())
///     let entry = try cache.walk("usr/lib/x")
///
/// Its methods are called from whatever threads resolve names. They may block, but for
/// ``cachedLinkTarget(of:)``.
public protocol DirectoryBackend<Payload>: Sendable {
  /// The cache's.
  associatedtype Payload: AnyObject & Sendable

  /// What a name in a directory leads to. One thread asks for one name at a time, and others wait for
  /// its answer; different names of a directory are asked for side by side, with the directory's lock
  /// held shared.
  ///
  /// `name` has 1 to 255 bytes and is never `.` or `..`. An error is not cached.
  func lookup(
    _ name: Span<UInt8>, in directory: Payload
  ) throws(DcacheError) -> LookupAnswer<Payload>

  /// The same, for a backend that knows how long each answer is true: it sets `timeToLive`, which is nil
  /// before; nil: as the cache's options say. In steps as of ``Dentry/setTimeToLive(_:)``. An answer of
  /// another spelling is true as the options say. This is what the cache calls; not implemented: calls
  /// ``lookup(_:in:)``.
  func lookup(
    _ name: Span<UInt8>, in directory: Payload, timeToLive: inout Duration?
  ) throws(DcacheError) -> LookupAnswer<Payload>

  /// Where a symbolic link leads: a path, of at most 4096 bytes. Not implemented: throws
  /// ``DcacheError/notSupported``.
  func linkTarget(of link: Payload) throws(DcacheError) -> [UInt8]

  /// The same if it is at hand, so that a walk can go on without locks; nil if not. Not implemented: nil. Called in a read section: must not block nor use the cache.
  func cachedLinkTarget(of link: Payload) -> [UInt8]?

  /// Is ``revalidate(_:)`` to be asked about entries? Must always be the same. Not implemented: false.
  var revalidates: Bool { get }

  /// Is a cached entry, positive or negative, still true? Asked each time before one is used, if
  /// ``revalidates`` says so; an entry that is not is looked up again. For stores that can tell at a
  /// lower price than a lookup's; see ``CacheOptions/positiveTimeToLive`` for those that cannot.
  func revalidate(_ entry: borrowing Dentry<Payload>) throws(DcacheError) -> Bool
}

extension DirectoryBackend {
  /// The answer is true as the cache's options say.
  public func lookup(
    _ name: Span<UInt8>, in directory: Payload, timeToLive: inout Duration?
  ) throws(DcacheError) -> LookupAnswer<Payload> {
    try lookup(name, in: directory)
  }

  /// There are no links.
  public func linkTarget(of link: Payload) throws(DcacheError) -> [UInt8] {
    throw .notSupported
  }

  /// Links are read outside of read sections.
  public func cachedLinkTarget(of link: Payload) -> [UInt8]? { nil }

  /// What is cached is true until its time to live has passed.
  public var revalidates: Bool { false }

  /// It is true.
  public func revalidate(_ entry: borrowing Dentry<Payload>) throws(DcacheError) -> Bool { true }
}
