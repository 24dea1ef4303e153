// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: noncopyable 'entry' cannot be consumed when captured by an escaping closure
//
// A reference that two tasks have is a SharedDentry.

import Dcache

final class File: Sendable {}

func keep(_ entry: consuming Dentry<File>) {
  Task {
    let mine = entry
    print(mine.path)
  }
}
