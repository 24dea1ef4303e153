// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'section' is borrowed and cannot be consumed
//
// A section does not outlive its closure.

import Dcache

final class File: Sendable {}

func see(_ cache: DentryCache<File>) {
  var kept: ReadSection<File>?
  cache.withReadLock { section in kept = consume section }
  _ = kept == nil
}
