// SPDX-License-Identifier: LGPL-2.1-or-later

package import Dcache
import Glibc

/// A thread of the host's, for what sleeps.
package final class HostThread: @unchecked Sendable {
  // Sendable: the thread's name never changes, and whoever joins it does so once.
  private let thread: pthread_t

  /// What a new thread is given: `pthread_create` takes one pointer.
  private final class Start: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
      self.body = body
    }
  }

  /// Runs `body` in a new thread, which must be joined or detached.
  package init(_ body: @escaping @Sendable () -> Void) throws(DcacheError) {
    let argument = Unmanaged.passRetained(Start(body))
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, argument.toOpaque())
    guard code == 0 else {
      argument.release()
      throw DcacheError(rawValue: code)
    }
    self.thread = thread
  }

  /// Nobody will join it.
  package func detach() {
    pthread_detach(thread)
  }

  /// Waits until it has ended. Once, and not if it is detached.
  package func join() {
    pthread_join(thread, nil)
  }
}
