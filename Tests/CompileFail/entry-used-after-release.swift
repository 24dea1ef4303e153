// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'entry' used after consume
//
// A reference that was left to the background is not the caller's any more.

import Dcache

final class File: Sendable {}

func release(_ entry: consuming Dentry<File>) -> File? {
  entry.releaseDeferred()
  return entry.payload
}
