// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'listing' cannot be captured by an escaping closure since it is a borrowed parameter
//
// A listing is its thread's, as long as the closure runs.

import Dcache

final class File: Sendable {}

func list(_ cache: DentryCache<File>) throws {
  var later: [() throws -> Void] = []
  try cache.list(cache.root) { (listing: borrowing OpenListing<File>) throws(DcacheError) in
    later.append { try listing.add(name: "x", File(), kind: .regular) }
  }
  for add in later { try add() }
}
