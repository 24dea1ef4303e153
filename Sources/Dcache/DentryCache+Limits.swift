// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

extension DentryCache {
  /// Change what the cache may keep. What exceeds the limits now is freed before the call returns, as
  /// far as it is unused. Calls `dcache_set_limits`.
  ///
  ///     try cache.setLimits(CacheLimits(maxEntries: 100_000, maxNegatives: 10_000))
  ///
  /// - Throws: ``DcacheError/invalidArgument``: one is negative, or `maxBytes` too small.
  public func setLimits(_ limits: CacheLimits) throws(DcacheError) {
    var limits = try limits.rawLimits()
    try check(dcache_set_limits(raw, &limits))
  }

  /// Free up to `count` unused entries, those first that are least likely to be used again. One that
  /// was used again since it was last considered is spared once. Returns how many were freed. Calls
  /// `shrink_dcache`.
  @discardableResult
  public func shrink(_ count: Int = .max) -> Int {
    Int(shrink_dcache(raw, max(count, 0)))
  }

  /// Memory is short: free a share of what is unused. Returns how many entries were freed; 0 also if
  /// `percent` is not 1 to 100. Calls `dcache_pressure`.
  @discardableResult
  public func relieve(percent: Int) -> Int {
    Int(dcache_pressure(raw, UInt32(exactly: percent) ?? 0))
  }

  /// Free all that is unused below an entry. Entries in use, and the directories above them, stay.
  /// Returns how many were freed. Calls `shrink_dcache_parent`.
  ///
  /// - Throws: ``DcacheError/noMemory``: not all was looked at.
  @discardableResult
  public func shrinkChildren(of entry: borrowing Dentry<Payload>) throws(DcacheError) -> Int {
    let count = shrink_dcache_parent(entry.raw)
    guard count >= 0 else { throw DcacheError(rawValue: Int32(-count)) }
    return count
  }

  /// Shrink when the kernel says that memory is short, until ``unwatchMemoryPressure()`` or the end of
  /// the cache. Calls `dcache_watch_psi`.
  ///
  /// - Throws: ``DcacheError/alreadyInProcess``: it is being watched; ``DcacheError/invalidArgument``: a
  ///   value is out of range; ``DcacheError/noSuchFileOrDirectory``, ``DcacheError/notSupported``: no
  ///   such file, or a kernel without; ``DcacheError/permissionDenied``, ``DcacheError/notPermitted``;
  ///   or why no thread could be started.
  public func watchMemoryPressure(
    _ pressure: MemoryPressure = MemoryPressure()
  ) throws(DcacheError) {
    try check(try pressure.withRawValue { settings in dcache_watch_psi(raw, settings) })
  }

  /// No longer shrink by itself when memory is short. Waits until the thread that does so has ended:
  /// not to be called from a payload's `deinit`. Calls `dcache_unwatch_psi`.
  @available(*, noasync)
  public func unwatchMemoryPressure() {
    dcache_unwatch_psi(raw)
  }
}
