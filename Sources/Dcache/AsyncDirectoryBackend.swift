// SPDX-License-Identifier: LGPL-2.1-or-later

/// Where a cache's answers come from, if they are waited for without a thread: a ``DirectoryBackend`` for
/// tasks.
///
///     struct Store: AsyncDirectoryBackend {
///       func lookup(
///         _ name: Span<UInt8>, in directory: File
///       ) async throws(DcacheError) -> LookupAnswer<File> {
///         guard let file = try await fetch(name, in: directory) else { return .absent }
///         return .found(file, kind: file.kind, number: file.number)
///       }
///     }
///
///     let cache = try DentryCache(root: File(), backend: Store())
///     let entry = try await cache.resolve(parent: cache.root, name: "motd")
///
/// Calls that block ask it too, ``DentryCache/walk(_:options:)`` among them: they start a task and sleep
/// until it ends. A type that is a ``DirectoryBackend`` as well is asked by calls that block as that,
/// and by tasks as this; where its answers are at hand, one method that does not suspend serves
/// both.
///
/// If the task that asks is cancelled, others go on at once (``LookupCancellation``), but the call
/// itself, unless it has a deadline, returns when the backend does. One that hangs and ignores the
/// cancellation holds up its caller, and nobody else.
public protocol AsyncDirectoryBackend<Payload>: Sendable {
  /// The cache's.
  associatedtype Payload: AnyObject & Sendable

  /// What a name in a directory leads to. One task asks for one name at a time, and others wait for its
  /// answer, suspended; different names of a directory are asked for side by side. No lock is held.
  ///
  /// `name` has 1 to 255 bytes and is never `.` or `..`. An error is not cached.
  func lookup(
    _ name: Span<UInt8>, in directory: Payload
  ) async throws(DcacheError) -> LookupAnswer<Payload>

  /// Where a symbolic link leads: a path, of at most 4096 bytes. Not implemented: throws
  /// ``DcacheError/notSupported``.
  func linkTarget(of link: Payload) async throws(DcacheError) -> [UInt8]

  /// The same if it is at hand, so that a walk can go on without locks; nil if not. Not implemented: nil.
  /// Called in a read section: must not block nor use the cache.
  func cachedLinkTarget(of link: Payload) -> [UInt8]?

  /// Is ``revalidate(_:)`` to be asked about entries? Must always be the same. Not implemented: false.
  var revalidates: Bool { get }

  /// Is a cached entry, positive or negative, still true? Asked each time before one is used, if
  /// ``revalidates`` says so. Tasks look up entries again that are stale (``Dentry/isStale``) without
  /// asking.
  func revalidate(_ entry: borrowing Dentry<Payload>) async throws(DcacheError) -> Bool
}

extension AsyncDirectoryBackend {
  /// There are no links.
  public func linkTarget(of link: Payload) async throws(DcacheError) -> [UInt8] {
    throw .notSupported
  }

  /// Links are read outside of read sections.
  public func cachedLinkTarget(of link: Payload) -> [UInt8]? { nil }

  /// What is cached is true until its time to live has passed.
  public var revalidates: Bool { false }

  /// It is true.
  public func revalidate(
    _ entry: borrowing Dentry<Payload>
  ) async throws(DcacheError) -> Bool { true }
}

// The same for a type that is both, which would have two of each otherwise.
extension AsyncDirectoryBackend where Self: DirectoryBackend {
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
