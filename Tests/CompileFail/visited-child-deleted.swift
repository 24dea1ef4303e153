// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'child' is borrowed and cannot be consumed
//
// A visitor has no reference of its own to give away.

import Dcache

final class File: Sendable {}

func remove(_ cache: DentryCache<File>) throws {
  try cache.withDirectoryLock(cache.root) { directory throws(DcacheError) in
    try cache.root.forEachChild { child throws(DcacheError) in
      try directory.delete(child)
      return .continue
    }
  }
}
