// SPDX-License-Identifier: LGPL-2.1-or-later

public import CDcache

// Paths are given as names are: strings, arrays and spans of bytes. They are `Path: DentryName` here,
// of up to 4096 bytes, components separated by any number of `/`.

extension DentryCache {
  /// Resolve a path from the root. Calls `dcache_walk`.
  ///
  ///     let entry = try cache.walk("usr/lib/x")
  ///
  /// While all that it goes through is cached and true it takes no lock, and stores nothing but the
  /// reference on the answer; what is not is asked for as ``resolve(parent:name:locking:)`` does. Symbolic
  /// links are followed. Only a cache with a backend can find what it does not have.
  ///
  /// The answer is where the path led at one moment, whatever is renamed meanwhile.
  ///
  /// - Returns: the entry; positive unless ``WalkOptions/create`` is given.
  /// - Throws: ``DcacheError/noSuchFileOrDirectory``; ``DcacheError/notDirectory``;
  ///   ``DcacheError/tooManySymbolicLinkLevels``: more than 40, or see ``WalkOptions/noSymlinks``;
  ///   ``DcacheError/fileNameTooLong``; ``DcacheError/improperLink``: see ``WalkOptions/beneath``;
  ///   ``DcacheError/invalidArgument``: the path is empty, or NUL is in it;
  ///   ``DcacheError/resourceTemporarilyUnavailable``: see ``WalkOptions/cached``, or what it goes
  ///   through was changed again and again; ``DcacheError/notSupported``: no backend; what the backend
  ///   throws; ``DcacheError/noMemory``.
  @available(*, noasync)
  @inlinable
  public func walk<Path: DentryName & ~Escapable>(
    _ path: Path, options: WalkOptions = []
  ) throws(DcacheError) -> Dentry<Payload> {
    try walk(path, from: root, root: root, options: options)
  }

  /// Resolve a path from a directory, if it does not begin with `/`. Calls `dcache_walk`.
  ///
  /// - Throws: ``DcacheError/improperLink``: the directory is not below the root; and as
  ///   ``walk(_:options:)``.
  @available(*, noasync)
  @inlinable
  public func walk<Path: DentryName & ~Escapable>(
    _ path: Path, from directory: borrowing Dentry<Payload>, options: WalkOptions = []
  ) throws(DcacheError) -> Dentry<Payload> {
    try walk(path, from: directory, root: root, options: options)
  }

  /// Resolve a path, `root` being what `/` means and `..` does not leave: another tree's, or a directory
  /// as in `chroot`. Calls `dcache_walk`.
  @available(*, noasync)
  @inlinable
  public func walk<Path: DentryName & ~Escapable>(
    _ path: Path, from directory: borrowing Dentry<Payload>, root: borrowing Dentry<Payload>,
    options: WalkOptions = []
  ) throws(DcacheError) -> Dentry<Payload> {
    try checkInstance(of: directory)
    try checkInstance(of: root)
    // The backend is the cache object's.
    defer { withExtendedLifetime(self) {} }
    let (base, top) = (directory.raw, root.raw)
    return Dentry(
      consuming: try pointer(
        path.withQstr { path in
          dcache_walk(top, base, path.pointee.name, Int(path.pointee.len), options.rawValue)
        }))
  }

  /// An entry of another cache has another backend, which that cache may have taken with it.
  @inlinable
  internal func checkInstance(of entry: borrowing Dentry<Payload>) throws(DcacheError) {
    guard d_dcache(entry.raw) == raw else { throw .improperLink }
  }
}

extension ReadSection {
  /// Resolve a path that is cached, without taking a reference. Calls `dcache_walk_rcu` and
  /// `d_seq_retry`.
  ///
  ///     let size = try cache.withReadLock { section throws(DcacheError) in
  ///       try section.walk("usr/lib/x", root: cache.root) { view in view.payload?.size } ?? nil
  ///     }
  ///
  /// - Parameters:
  ///   - path: from `root`.
  ///   - root: what `/` means.
  ///   - options: how to go.
  ///   - body: gets the entry, see ``lookup(parent:name:_:)``.
  /// - Returns: what `body` does, if the entry did not change while it ran; nil: it did, or it cannot be
  ///   told without a reference: ask ``DentryCache/walk(_:options:)``.
  /// - Throws: what is known of the path, such as ``DcacheError/noSuchFileOrDirectory``; and what `body`
  ///   throws.
  @inlinable
  public borrowing func walk<Path: DentryName & ~Escapable, Result: ~Copyable>(
    _ path: Path, root: borrowing Dentry<Payload>, options: WalkOptions = [],
    _ body: (borrowing DentryView<Payload>) throws(DcacheError) -> Result
  ) throws(DcacheError) -> Result? {
    try walk(path, from: root, root: root, options: options, body)
  }

  /// The same from a directory, if the path does not begin with `/`.
  @inlinable
  public borrowing func walk<Path: DentryName & ~Escapable, Result: ~Copyable>(
    _ path: Path, from directory: borrowing Dentry<Payload>, root: borrowing Dentry<Payload>,
    options: WalkOptions = [],
    _ body: (borrowing DentryView<Payload>) throws(DcacheError) -> Result
  ) throws(DcacheError) -> Result? {
    let (base, top) = (directory.raw, root.raw)
    guard d_dcache(base) == instance, d_dcache(top) == instance else { throw .improperLink }
    var sequence: UInt32 = 0
    let answer = path.withQstr { path in
      dcache_walk_rcu(
        top, base, path.pointee.name, Int(path.pointee.len), options.rawValue, &sequence)
    }
    if let error = error(in: answer) {
      if error == .askAgain { return nil }
      throw error
    }
    return try deliver(answer.unsafelyUnwrapped, sequence, body)
  }
}
