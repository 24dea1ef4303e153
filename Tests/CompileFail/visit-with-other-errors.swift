// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: invalid conversion of thrown error type 'any Error' to 'DcacheError'
//
// A visit ends a walk with an error of this module.

import Dcache

final class File: Sendable {}
struct Oops: Error {}

func see(_ cache: DentryCache<File>) throws {
  try cache.root.walkTree { _ throws in throw Oops() }
}
