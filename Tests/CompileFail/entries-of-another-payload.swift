// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: cannot convert value of type 'Dentry<Other>' to expected argument type 'Dentry<File>'
//
// Caches with different payloads do not meet.

import Dcache

final class File: Sendable {}
final class Other: Sendable {}

func ask(_ cache: DentryCache<File>, _ entry: borrowing Dentry<Other>) {
  _ = cache.lookup(parent: entry, name: "x")
}
