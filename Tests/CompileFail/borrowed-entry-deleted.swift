// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'entry' is borrowed and cannot be consumed
//
// delete() takes a reference of the caller's own.

import Dcache

final class File: Sendable {}

func delete(
  _ directory: borrowing LockedDirectory<File>, _ entry: borrowing Dentry<File>
) throws {
  try directory.delete(entry)
}
