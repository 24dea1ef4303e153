// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: passing closure as a 'sending' parameter risks causing data races
//
// An entry that is only seen does not go to another thread.

import Dcache

final class File: Sendable {}

func see(_ cache: DentryCache<File>) {
  _ = cache.withReadLock { section in
    // Without its type, the compiler (6.3.1) does not refuse the capture but crashes on it.
    section.lookup(parent: cache.root, name: "x") { (view: borrowing DentryView<File>) in
      Task { print(view.isPositive) }
      return 1
    }
  }
}
