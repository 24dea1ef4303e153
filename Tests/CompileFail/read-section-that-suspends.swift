// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'await' in a function that does not support concurrency
//
// A read section is a thread's.

import Dcache

final class File: Sendable {}

func read(_ cache: DentryCache<File>) async throws {
  try cache.withReadLock { section throws(DcacheError) in
    _ = try await cache.resolve(parent: cache.root, name: "x")
  }
}
