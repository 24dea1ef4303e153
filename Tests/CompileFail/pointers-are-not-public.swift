// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'unsafePointer' is inaccessible due to '@_spi' protection level
//
// C's pointers are not part of the interface.

import Dcache

final class File: Sendable {}

func look(_ entry: borrowing Dentry<File>) {
  _ = entry.unsafePointer
}
