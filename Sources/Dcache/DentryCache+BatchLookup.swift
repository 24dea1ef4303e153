// SPDX-License-Identifier: LGPL-2.1-or-later

public import CDcache

extension DentryCache {
  /// Find many entries of one directory that are cached, positive or negative. Calls `d_lookup_batch`.
  ///
  ///     cache.lookup(parent: directory, names: names) { index, entry in
  ///       if let entry { print(names[index], entry.isPositive) }
  ///     }
  ///
  /// Each is found as by ``lookup(parent:name:)``: exactly, and for itself, as of some moment of the call. But
  /// the memory that they lie in is asked for together. In a cache that is bigger than the processor's, that
  /// is most of what a lookup takes.
  ///
  /// `body` is called once for each name, in their order, with the name's index and the entry, or nil if it
  /// is not cached, the name is none, or `parent` no directory. Some names, not all, have been looked up before
  /// that. Allocates nothing. An error of `body` ends the call.
  @inlinable
  public func lookup<Name: DentryName, Failure: Error>(
    parent: borrowing Dentry<Payload>, names: [Name],
    _ body: (_ index: Int, _ entry: consuming Dentry<Payload>?) throws(Failure) -> Void
  ) throws(Failure) {
    let directory = parent.raw
    var failure: Failure?
    var first = 0
    while first < names.count, failure == nil {
      let count = min(lookupBatchSize, names.count - first)
      // Does not take typed errors.
      withLookupRequests(parent: directory, names: names.span, first..<first + count) { requests in
        d_lookup_batch(requests.baseAddress, requests.count)
      } answers: { requests in
        for (offset, request) in requests.enumerated() {
          guard failure == nil else {
            dput(request.dentry)
            continue
          }
          do throws(Failure) {
            try body(first + offset, request.found.map { Dentry(consuming: $0) })
          } catch {
            failure = error
          }
        }
      }
      first += count
    }
    if let failure { throw failure }
  }

  /// Find many entries of one directory that are cached. Calls `d_lookup_batch`.
  ///
  ///     let entries = cache.lookup(parent: directory, names: ["passwd", "group"])
  ///
  /// As ``lookup(parent:names:_:)``, which needs no object for each entry. The results are in the order of the
  /// names; one is nil where that gives none.
  public func lookup<Name: DentryName>(
    parent: borrowing Dentry<Payload>, names: [Name]
  ) -> [SharedDentry<Payload>?] {
    var entries: [SharedDentry<Payload>?] = []
    entries.reserveCapacity(names.count)
    lookup(parent: parent, names: names) { _, entry in
      if let entry {
        entries.append(SharedDentry(entry))
      } else {
        entries.append(nil)
      }
    }
    return entries
  }
}

extension ReadSection {
  /// Look at many entries of one directory that are cached, without taking references. Calls
  /// `d_lookup_batch_rcu` and `d_seq_retry`.
  ///
  ///     let sizes = cache.withReadLock { section in
  ///       section.lookup(parent: cache.root, names: names) { _, view in view.payload?.size }
  ///     }
  ///
  /// Each as by ``lookup(parent:name:_:)``, but the memory that they lie in is asked for together. `body` gets
  /// the name's index and the entry. The results are in the order of the names; one is nil if the entry
  /// changed while `body` looked at it, or was not found. An error of `body` ends the call, if what it saw was
  /// true.
  @inlinable
  public borrowing func lookup<Name: DentryName, Result, Failure: Error>(
    parent: borrowing Dentry<Payload>, names: [Name],
    _ body: (_ index: Int, _ entry: borrowing DentryView<Payload>) throws(Failure) -> Result
  ) throws(Failure) -> [Result?] {
    try lookup(raw: parent.raw, names: names, body)
  }

  /// The same, in a directory that is itself only seen.
  @inlinable
  public borrowing func lookup<Name: DentryName, Result, Failure: Error>(
    parent: borrowing DentryView<Payload>, names: [Name],
    _ body: (_ index: Int, _ entry: borrowing DentryView<Payload>) throws(Failure) -> Result
  ) throws(Failure) -> [Result?] {
    try lookup(raw: parent.raw, names: names, body)
  }

  @inlinable
  internal borrowing func lookup<Name: DentryName, Result, Failure: Error>(
    raw parent: OpaquePointer, names: [Name],
    _ body: (Int, borrowing DentryView<Payload>) throws(Failure) -> Result
  ) throws(Failure) -> [Result?] {
    var results: [Result?] = []
    results.reserveCapacity(names.count)
    while results.count < names.count {
      let first = results.count
      let range = first..<first + min(lookupBatchSize, names.count - first)
      var failure: Failure?
      withLookupRequests(parent: parent, names: names.span, range) { requests in
        d_lookup_batch_rcu(requests.baseAddress, requests.count)
      } answers: { requests in
        for request in requests where failure == nil {
          guard let entry = request.found else {
            results.append(nil)
            continue
          }
          do throws(Failure) {
            let index = results.count
            results.append(
              try deliver(entry, request.seq) { view throws(Failure) in try body(index, view) })
          } catch {
            failure = error
          }
        }
      }
      if let failure { throw failure }
    }
    return results
  }
}

extension DentryCache {
  /// Resolve many paths from the root. Calls `dcache_walk_batch`.
  ///
  ///     cache.walk(paths: paths) { index, result in
  ///       do throws(DcacheError) {
  ///         print(paths[index], try result.get().isDirectory)
  ///       } catch {
  ///         print(paths[index], error)
  ///       }
  ///     }
  ///
  /// Each as by ``walk(_:options:)``. But what is cached of some paths is asked for together, a component of
  /// each at a time: a gain where they are many, in a cache that is bigger than the processor's. Where they
  /// are few, one after the other is faster.
  ///
  /// `body` is called once for each path, in their order, with the path's index and what
  /// ``walk(_:options:)`` returns or throws. Some paths, not all, have been resolved before that. An error of
  /// `body` ends the call.
  @available(*, noasync)
  @inlinable
  public func walk<Path: DentryName, Failure: Error>(
    paths: [Path], options: WalkOptions = [],
    _ body: (_ index: Int, _ result: consuming Result<Dentry<Payload>, DcacheError>) throws(Failure)
      -> Void
  ) throws(Failure) {
    // The backend is the cache object's.
    defer { withExtendedLifetime(self) {} }
    let top = root.raw
    var failure: Failure?
    var first = 0
    while first < paths.count, failure == nil {
      let count = min(lookupBatchSize, paths.count - first)
      withUnsafeTemporaryAllocation(of: dcache_walk_request.self, capacity: count) { requests in
        lend(paths.span.extracting(first..<first + count), 0) { index, path in
          requests.initializeElement(
            at: index,
            to: dcache_walk_request(path: path.name, len: Int(path.len), dentry: nil, seq: 0))
        } call: {
          _ = dcache_walk_batch(top, nil, requests.baseAddress, count, options.rawValue)
        }
        for (offset, request) in requests.enumerated() {
          guard failure == nil else {
            dput(request.dentry)
            continue
          }
          do throws(Failure) {
            if let error = error(in: request.dentry) {
              try body(first + offset, .failure(error))
            } else {
              try body(
                first + offset, .success(Dentry(consuming: request.dentry.unsafelyUnwrapped)))
            }
          } catch {
            failure = error
          }
        }
      }
      first += count
    }
    if let failure { throw failure }
  }
}

/// Names that are lent to C at a time: as many as it has on their way to the processor together. Their requests
/// fit on the stack.
@inlinable
internal var lookupBatchSize: Int { 16 }

/// Requests for some names, which are lent for the time of `call`; then `answers` of the requests.
@inlinable
internal func withLookupRequests<Name: DentryName>(
  parent: OpaquePointer, names: Span<Name>, _ range: Range<Int>,
  call: (UnsafeMutableBufferPointer<d_lookup_request>) -> Int,
  answers: (UnsafeMutableBufferPointer<d_lookup_request>) -> Void
) {
  withUnsafeTemporaryAllocation(of: d_lookup_request.self, capacity: range.count) { requests in
    lend(names.extracting(range), 0) { index, name in
      requests.initializeElement(
        at: index, to: d_lookup_request(parent: parent, name: name, dentry: nil, seq: 0))
    } call: {
      _ = call(requests)
    }
    answers(requests)
  }
}

/// Give the names from `next` on to `take`, and then `call`. One name inside of the other: the bytes of each
/// may lie in the frame of the call that lends them.
@inlinable
internal func lend<Name: DentryName>(
  _ names: Span<Name>, _ next: Int, to take: (Int, qstr) -> Void, call: () -> Void
) {
  guard next < names.count else { return call() }
  names[next].withQstr { name in
    take(next, name.pointee)
    lend(names, next + 1, to: take, call: call)
  }
}

extension d_lookup_request {
  /// The entry, if there is one; what was wrong with the name is the caller's to know.
  @inlinable
  internal var found: OpaquePointer? {
    guard let dentry, error(in: dentry) == nil else { return nil }
    return dentry
  }
}
