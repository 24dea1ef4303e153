// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'section' cannot be captured by an escaping closure since it is a borrowed parameter
//
// A section does not go to another thread.

import Dcache

final class File: Sendable {}

func see(_ cache: DentryCache<File>, _ section: borrowing ReadSection<File>) -> () -> Void {
  return { _ = section.lookup(parent: cache.root, name: "x") { _ in } }
}
