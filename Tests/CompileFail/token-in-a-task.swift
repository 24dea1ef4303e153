// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: cannot be consumed when captured by an escaping closure
//
// A task may never run, or the closure run twice.

import Dcache

final class File: Sendable {}

func ask(_ lookup: consuming InLookup<File>) {
  Task { lookup.abandon() }
}
