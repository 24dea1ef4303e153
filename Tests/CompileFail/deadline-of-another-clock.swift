// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: cannot convert value of type
//
// A point in time is one of its own clock.

import Dcache

final class File: Sendable {}

func ask(_ cache: DentryCache<File>) async throws {
  _ = try await cache.allocParallel(
    parent: cache.root, name: "x", until: ContinuousClock.now, clock: SuspendingClock())
}
