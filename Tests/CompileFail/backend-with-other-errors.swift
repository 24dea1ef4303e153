// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: thrown expression type 'Oops' cannot be converted to error type 'DcacheError'
//
// What a backend throws goes to all who wait.

import Dcache

final class File: Sendable {}
struct Oops: Error {}

func ask(_ cache: DentryCache<File>) throws {
  _ = try cache.resolve(parent: cache.root, name: "x") { _ throws(DcacheError) in throw Oops() }
}
