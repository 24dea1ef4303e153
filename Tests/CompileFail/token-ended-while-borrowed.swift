// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'lookup' is borrowed and cannot be consumed
//
// Who was lent a lookup does not own it.

import Dcache

final class File: Sendable {}

func end(_ lookup: borrowing InLookup<File>) {
  lookup.abandon()
}
