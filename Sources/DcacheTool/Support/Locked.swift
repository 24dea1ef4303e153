// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc

/// A value behind a lock.
///
/// The lock is pthread's: under the standard library's `Mutex` the thread sanitizer reports races that
/// are none, and those who wait spin while a directory is being read.
final class Locked<Value: Sendable>: @unchecked Sendable {
  // Sendable: `value` is touched with the lock held only.
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private var value: Value

  init(_ value: Value) {
    lock = .allocate(capacity: 1)
    lock.initialize(to: pthread_mutex_t())
    pthread_mutex_init(lock, nil)
    self.value = value
  }

  deinit {
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  /// Run `body` with the lock held.
  func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return body(&value)
  }

  /// Run `body` with the lock held, unless somebody else holds it.
  func withLockIfAvailable(_ body: (inout Value) -> Void) {
    guard pthread_mutex_trylock(lock) == 0 else { return }
    defer { pthread_mutex_unlock(lock) }
    body(&value)
  }
}
