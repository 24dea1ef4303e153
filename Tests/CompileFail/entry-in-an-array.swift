// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: does not conform to protocol 'Copyable'
//
// A collection that copies holds SharedDentry.

import Dcache

final class File: Sendable {}

func collect(_ entry: consuming Dentry<File>) -> Int {
  let entries: [Dentry<File>] = []
  return entries.count
}
