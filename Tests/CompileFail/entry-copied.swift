// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'entry' consumed more than once
//
// A reference is given back once: duplicate() takes another.

import Dcache

final class File: Sendable {}

func copy(_ entry: consuming Dentry<File>) -> SharedDentry<File> {
  _ = SharedDentry(entry)
  return SharedDentry(entry)
}
