// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: does not conform to the 'Sendable' protocol
//
// Payloads are seen by, and released in, other threads.

import Dcache

final class File { var size = 0 }

func make() throws {
  _ = try DentryCache(root: File())
}
