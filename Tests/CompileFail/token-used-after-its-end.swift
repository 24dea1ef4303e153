// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'lookup' used after consume
//
// An ended lookup is not looked at.

import Dcache

final class File: Sendable {}

func end(_ lookup: consuming InLookup<File>) throws {
  _ = try lookup.addNegative()
  print(lookup.name)
}
