// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'resolve' is unavailable from asynchronous contexts
//
// What blocks a thread is not for the pool's threads.

import Dcache

final class File: Sendable {}

func ask(_ cache: DentryCache<File>) async throws {
  _ = try cache.resolve(parent: cache.root, name: "x") { _ in .absent }
}
