// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: passing non-escaping parameter 'backend' to function expecting an '@escaping' closure
//
// At the deadline the call returns, and the backend's task is left to itself.

import Dcache

final class File: Sendable {}

func ask(
  _ cache: DentryCache<File>, _ backend: @Sendable (String) async throws(DcacheError) -> LookupAnswer<File>
) async throws {
  _ = try await cache.resolve(parent: cache.root, name: "x", until: .now, lookup: backend)
}
