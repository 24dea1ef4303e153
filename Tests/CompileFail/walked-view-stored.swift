// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'view' is borrowed and cannot be consumed
//
// What a walk in a read section comes to does not leave the section.

import Dcache

final class File: Sendable {}

func see(_ cache: DentryCache<File>) throws {
  var kept: DentryView<File>?
  _ = try cache.withReadLock { section throws(DcacheError) in
    try section.walk("usr/lib", root: cache.root) { view in kept = consume view }
  }
  _ = kept?.isPositive
}
