// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'view' is borrowed and cannot be consumed
//
// An entry that is only seen does not leave the section.

import Dcache

final class File: Sendable {}

func see(_ cache: DentryCache<File>) {
  var kept: DentryView<File>?
  _ = cache.withReadLock { section in
    section.lookup(parent: cache.root, name: "x") { view in kept = consume view }
  }
  _ = kept?.isPositive
}
