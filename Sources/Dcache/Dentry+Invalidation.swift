// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

// Calls of the cache object (resolve, walk) take no stale entry for an answer, but one that they asked for,
// or waited for, themselves. `lookup`, read sections and `allocParallel` return what is cached, stale or not.

extension Dentry {
  /// The entry, and all below it, is no longer true: lookups do not find it from now on, and what is
  /// unused below it is freed. What is in use is freed with its last reference. Calls `d_invalidate`.
  ///
  /// - Throws: ``DcacheError/noMemory``: not all below was looked at. Nobody finds that from above.
  public borrowing func invalidate() throws(DcacheError) {
    try check(d_invalidate(raw))
  }

  /// The same, but what is below is freed in the background: returns at once, however large the tree.
  /// Calls `d_invalidate_deferred`.
  public borrowing func invalidateInBackground() {
    d_invalidate_deferred(raw)
  }

  /// Nothing that is cached of this directory's names is known to be true any more. Takes the same short
  /// time however many there are; each is stale from now on. Calls `d_invalidate_children`.
  ///
  /// - Throws: ``DcacheError/noSuchFileOrDirectory``, ``DcacheError/notDirectory``.
  public borrowing func invalidateChildren() throws(DcacheError) {
    try check(d_invalidate_children(raw))
  }

  /// The entry is true for so long from now on; nil: for ever. Overrides what the cache's options say,
  /// until the entry turns positive or negative. Calls `d_set_ttl`.
  ///
  /// In steps of 17 ms, rounded up, and at most 20 days, which longer times are taken
  /// for. Zero: stale at once.
  public borrowing func setTimeToLive(_ time: Duration?) {
    d_set_ttl(raw, time?.rawNanoseconds ?? .max)
  }

  /// Has its time to live passed, or has ``invalidateChildren()`` been called for its directory since it
  /// was last known to be true? Also true if that cannot be told, since the entry is being moved just now.
  /// Calls `d_is_stale`.
  public var isStale: Bool { d_is_stale(raw) }

  /// Did the answer of the lookup that made it come too late to be cached, since its name or its directory
  /// had been changed or invalidated meanwhile? Calls `d_lookup_overtaken`.
  public var isOvertaken: Bool { d_lookup_overtaken(raw) }
}

extension DentryCache {
  /// Every name of an object is no longer true. Calls `d_invalidate_inode`.
  ///
  /// - Throws: as ``Dentry/invalidate()``.
  public func invalidate(_ inode: borrowing Inode<Payload>) throws(DcacheError) {
    try check(d_invalidate_inode(inode.raw))
  }

  /// What is cached of a name, positive or negative, is no longer true. Calls `d_invalidate_name`.
  ///
  /// - Throws: ``DcacheError/invalidArgument``, ``DcacheError/fileNameTooLong``: it is no name; and as
  ///   ``Dentry/invalidate()``.
  public func invalidate<Name: DentryName & ~Escapable>(
    name: Name, in directory: borrowing Dentry<Payload>
  ) throws(DcacheError) {
    let parent = directory.raw
    try check(name.withQstr { name in d_invalidate_name(parent, name) })
  }

  /// See that an entry that ``lookup(parent:name:)`` or ``allocParallel(parent:name:)`` found is still
  /// true. Calls `d_revalidate`.
  ///
  /// A backend that wants to be is asked; otherwise an entry is true if it is not stale. If it is not
  /// true it is invalidated.
  ///
  /// - Throws: what the backend does: it is not known.
  @available(*, noasync)
  public func revalidate(_ entry: borrowing Dentry<Payload>) throws(DcacheError) -> Bool {
    try checkInstance(of: entry)
    return try isTrue(entry)
  }
}
