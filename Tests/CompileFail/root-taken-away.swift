// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: cannot consume noncopyable stored property 'cache.root' of a class
//
// The root is the cache's.

import Dcache

final class File: Sendable {}

func take(_ cache: DentryCache<File>) -> Dentry<File> {
  cache.root
}
