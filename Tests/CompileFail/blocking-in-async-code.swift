// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: expression is 'async' but is not marked with 'await'
//
// What blocks a thread is not for the pool's threads: here it is the call that suspends.

import Dcache

final class File: Sendable {}

func ask(_ cache: DentryCache<File>) async throws {
  _ = try cache.allocParallel(parent: cache.root, name: "x")
}
