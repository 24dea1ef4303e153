// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'entry' is borrowed and cannot be consumed
//
// What a walk visits is referenced for the time of the visit; whoever wants it longer duplicates it.

import Dcache

final class File: Sendable {}

func see(_ cache: DentryCache<File>) throws {
  var kept: Dentry<File>?
  try cache.root.walkTree { entry in
    kept = consume entry
    return .continue
  }
  _ = kept?.isPositive
}
