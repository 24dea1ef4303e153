// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'inode' is unavailable from asynchronous contexts
//
// It waits for whoever is making it.

import Dcache

final class File: Sendable {}

func make(_ cache: DentryCache<File>) async throws -> UInt64 {
  try cache.inode(number: 7) { () in (File(), .regular) }.number
}
