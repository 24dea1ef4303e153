// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'list' is unavailable from asynchronous contexts
//
// A directory's lock is held meanwhile.

import Dcache

final class File: Sendable {}

func list(_ cache: DentryCache<File>) async throws {
  try cache.list(cache.root) { _ in }
}
