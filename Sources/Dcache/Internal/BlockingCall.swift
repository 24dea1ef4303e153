// SPDX-License-Identifier: LGPL-2.1-or-later

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

/// A result that one thread waits for.
private final class BlockingCall<Value: ~Copyable & Sendable>: @unchecked Sendable {
  // Sendable: `result` is touched with the lock held only.
  private let monitor = Monitor()
  private var result: Result<Value, DcacheError>?

  func end(_ result: consuming Result<Value, DcacheError>) {
    monitor.lock()
    self.result = consume result
    monitor.signal()
    monitor.unlock()
  }

  func wait() -> Result<Value, DcacheError> {
    monitor.lock()
    defer { monitor.unlock() }
    while true {
      if let result = result.take() { return result }
      monitor.wait()
    }
  }
}
