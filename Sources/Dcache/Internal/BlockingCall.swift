// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc

/// Sleep until a task has done `body`. Not in the pool's threads, one of which is to run it.
@available(*, noasync)
internal func waitForTask<Value: ~Copyable & Sendable>(
  _ body: @escaping @Sendable () async throws(DcacheError) -> Value
) throws(DcacheError) -> Value {
  let call = BlockingCall<Value>()
  Task {
    do throws(DcacheError) {
      call.end(.success(try await body()))
    } catch {
      call.end(.failure(error))
    }
  }
  return try call.wait().get()
}

/// A result that one thread waits for. pthread's lock, which the thread sanitizer knows.
private final class BlockingCall<Value: ~Copyable & Sendable>: @unchecked Sendable {
  // Sendable: `result` is touched with the lock held only.
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let ended: UnsafeMutablePointer<pthread_cond_t>
  private var result: Result<Value, DcacheError>?

  init() {
    lock = .allocate(capacity: 1)
    lock.initialize(to: pthread_mutex_t())
    pthread_mutex_init(lock, nil)
    ended = .allocate(capacity: 1)
    ended.initialize(to: pthread_cond_t())
    pthread_cond_init(ended, nil)
  }

  deinit {
    pthread_cond_destroy(ended)
    ended.deallocate()
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  func end(_ result: consuming Result<Value, DcacheError>) {
    pthread_mutex_lock(lock)
    self.result = consume result
    pthread_cond_signal(ended)
    pthread_mutex_unlock(lock)
  }

  func wait() -> Result<Value, DcacheError> {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while true {
      if let result = result.take() { return result }
      pthread_cond_wait(ended, lock)
    }
  }
}
