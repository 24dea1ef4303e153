// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: cannot pass function of type
//
// A thread that holds a directory's lock does not suspend.

import Dcache

final class File: Sendable {}

func lock(_ cache: DentryCache<File>) throws {
  try cache.withDirectoryLock(cache.root) { directory in await Task.yield() }
}
