// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'walk' is unavailable from asynchronous contexts
//
// A walk may ask the backend.

import Dcache

final class File: Sendable {}

func walk(_ cache: DentryCache<File>) async throws -> Bool {
  try cache.walk("usr/lib").isDirectory
}
