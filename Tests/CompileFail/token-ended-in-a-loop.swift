// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'lookup' consumed in a loop
//
// A lookup is ended once.

import Dcache

final class File: Sendable {}

func end(_ lookup: consuming InLookup<File>) {
  for _ in 0..<2 { lookup.fail(.ioError) }
}
