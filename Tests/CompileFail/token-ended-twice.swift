// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'lookup' consumed more than once
//
// A lookup is ended once.

import Dcache

final class File: Sendable {}

func end(_ lookup: consuming InLookup<File>) throws {
  _ = try lookup.add(File(), kind: .regular)
  lookup.fail(.ioError)
}
