// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'listing' is borrowed and cannot be consumed
//
// When the closure has returned the directory is complete: nothing can be added any more.

import Dcache

final class File: Sendable {}

func list(_ cache: DentryCache<File>) throws {
  var kept: OpenListing<File>?
  try cache.list(cache.root) { listing in kept = consume listing }
  try kept?.add(name: "x", File(), kind: .regular)
}
