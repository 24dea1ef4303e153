// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc

/// A value behind a lock.
///
/// The lock is pthread's: under the standard library's `Mutex` the thread sanitizer reports races that
/// are none, and those who wait spin while a directory is being read.
package final class Locked<Value: Sendable>: @unchecked Sendable {
  // Sendable: `value` is touched with the lock held only.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var value: Value

  package init(_ value: Value) {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    self.value = value
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Run `body` with the lock held.
  package func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&value)
  }

  /// Run `body` with the lock held, unless somebody else holds it.
  package func withLockIfAvailable(_ body: (inout Value) -> Void) {
    guard pthread_mutex_trylock(mutex) == 0 else { return }
    defer { pthread_mutex_unlock(mutex) }
    body(&value)
  }
}
