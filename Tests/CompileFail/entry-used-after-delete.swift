// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'entry' used after consume
//
// A deleted entry's reference is gone: its inode may be, too.

import Dcache

final class File: Sendable {}

func delete(
  _ directory: borrowing LockedDirectory<File>, _ entry: consuming Dentry<File>
) throws -> File? {
  try directory.delete(entry)
  return entry.payload
}
