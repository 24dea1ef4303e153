// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'inode' used after consume
//
// A reference that was left to the background is not the caller's any more.

import Dcache

final class File: Sendable {}

func release(_ inode: consuming Inode<File>) -> File {
  inode.releaseDeferred()
  return inode.payload
}
