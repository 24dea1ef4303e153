// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: cannot be consumed when captured by an escaping closure
//
// A closure that escapes might end the lookup twice, or never.

import Dcache

final class File: Sendable {}

func end(_ lookup: consuming InLookup<File>) -> () -> Void {
  return { lookup.fail(.ioError) }
}
