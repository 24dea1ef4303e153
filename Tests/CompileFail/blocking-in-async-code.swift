// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'allocParallel' is unavailable from asynchronous contexts
//
// What blocks a thread is not for the pool's threads.

import Dcache

final class File: Sendable {}

func ask(_ cache: DentryCache<File>) async throws {
  _ = try cache.allocParallel(parent: cache.root, name: "x")
}
