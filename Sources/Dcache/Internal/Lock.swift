// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc

/// A lock that is held for long: those who wait sleep. pthread's, which the thread sanitizer knows.
internal final class Lock: @unchecked Sendable {
  // Sendable: that is what it is for.
  private let raw: UnsafeMutablePointer<pthread_mutex_t>

  init() {
    raw = .allocate(capacity: 1)
    raw.initialize(to: pthread_mutex_t())
    pthread_mutex_init(raw, nil)
  }

  deinit {
    pthread_mutex_destroy(raw)
    raw.deallocate()
  }

  func lock() { pthread_mutex_lock(raw) }

  func unlock() { pthread_mutex_unlock(raw) }
}
