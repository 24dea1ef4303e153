// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc
import Synchronization

/// Has the user typed ^C?
enum Interruption {
  private static let requested = Atomic<Bool>(false)

  /// All loops look at this now and then.
  static var isRequested: Bool { requested.load(ordering: .relaxed) }

  /// From now on the first ^C asks for an orderly end, and the second one ends the program. Whoever
  /// started it may have blocked the signal, as Swift's own threads do; that ends here.
  static func watch() {
    // The first use makes the variable, which a signal handler must not do.
    requested.store(false, ordering: .relaxed)
    signal(SIGINT) { _ in
      signal(SIGINT, SIG_DFL)
      Interruption.requested.store(true, ordering: .relaxed)
    }
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }
}
