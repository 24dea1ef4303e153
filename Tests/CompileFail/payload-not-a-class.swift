// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: requires that 'File' be a class type
//
// A payload has an identity.

import Dcache

struct File: Sendable {}

func make() throws {
  _ = try DentryCache(root: File())
}
