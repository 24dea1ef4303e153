// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: cannot pass function of type
//
// Nothing suspends in a read section.

import Dcache

final class File: Sendable {}

func see(_ cache: DentryCache<File>) async {
  cache.withReadLock { section in
    await Task.yield()
  }
}
