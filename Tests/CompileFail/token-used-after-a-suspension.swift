// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'lookup' consumed more than once
//
// It has been ended, whether the task was suspended for that or not.

import Dcache

final class File: Sendable {}

func ask(_ lookup: consuming InLookup<File>) async throws {
  _ = try await lookup.addCI(name: "X", File(), kind: .regular)
  lookup.abandon()
}
