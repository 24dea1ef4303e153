// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'resolve' is unavailable from asynchronous contexts
//
// A task has no thread that could hold a directory's lock.

import Dcache

final class File: Sendable {}

func ask(_ cache: DentryCache<File>) async throws {
  _ = try cache.resolve(parent: cache.root, name: "x", locking: .shared) { _ in .absent }
}
