// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'child' is borrowed and cannot be consumed
//
// Closures that reconnect a directory have no reference of their own.

import Dcache

final class File: Sendable {}

func reconnect(_ cache: DentryCache<File>, _ entry: borrowing Dentry<File>) throws {
  try cache.reconnect(entry) { child in child } name: { _, _ in [] }
}
