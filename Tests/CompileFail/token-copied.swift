// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'lookup' consumed more than once
//
// There is one owner.

import Dcache

final class File: Sendable {}

func end(_ lookup: consuming InLookup<File>) {
  let one = lookup
  let two = lookup
  one.abandon()
  two.abandon()
}
