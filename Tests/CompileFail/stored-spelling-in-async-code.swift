// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: expression is 'async' but is not marked with 'await'
//
// Somebody else may be asking for the stored spelling.

import Dcache

final class File: Sendable {}

func add(_ lookup: consuming InLookup<File>) async throws {
  _ = try lookup.addCI(name: "X", File(), kind: .regular)
}
