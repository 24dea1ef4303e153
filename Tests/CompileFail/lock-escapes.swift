// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'directory' is borrowed and cannot be consumed
//
// A locked directory is one only as long as it is locked.

import Dcache

final class File: Sendable {}

func lock(_ cache: DentryCache<File>) throws {
  var kept: LockedDirectory<File>?
  try cache.withDirectoryLock(cache.root) { directory in kept = consume directory }
  _ = kept == nil
}
