// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc

/// A lock that is held for long: those who wait sleep. pthread's, which the thread sanitizer knows.
package class Lock: @unchecked Sendable {
  // Sendable: that is what it is for.
  fileprivate let raw: UnsafeMutablePointer<pthread_mutex_t>

  package init() {
    raw = .allocate(capacity: 1)
    raw.initialize(to: pthread_mutex_t())
    pthread_mutex_init(raw, nil)
  }

  deinit {
    pthread_mutex_destroy(raw)
    raw.deallocate()
  }

  package final func lock() { pthread_mutex_lock(raw) }

  package final func unlock() { pthread_mutex_unlock(raw) }
}

/// A lock whose holders may wait until another one has changed what it protects.
package final class Monitor: Lock, @unchecked Sendable {
  private let changed: UnsafeMutablePointer<pthread_cond_t>

  package override init() {
    changed = .allocate(capacity: 1)
    changed.initialize(to: pthread_cond_t())
    pthread_cond_init(changed, nil)
    super.init()
  }

  deinit {
    pthread_cond_destroy(changed)
    changed.deallocate()
  }

  /// Let go of the lock, sleep until somebody signals, or for no reason, and take it again.
  package func wait() { pthread_cond_wait(changed, raw) }

  /// Wake one.
  package func signal() { pthread_cond_signal(changed) }

  /// Wake all.
  package func broadcast() { pthread_cond_broadcast(changed) }
}
