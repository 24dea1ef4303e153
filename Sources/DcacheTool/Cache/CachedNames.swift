// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem

/// What a cache holds, without asking its backend.
struct CachedNames {
  let cache: DentryCache<HostFile>

  /// Does it have an entry for this path, positive or negative?
  func contains(_ path: Span<UInt8>) -> Bool {
    var directory = cache.root.duplicate()
    var start = 0
    while true {
      let end = path.endOfComponent(from: start)
      let found = cache.lookup(parent: directory, name: path.extracting(start..<end))
      guard let found else { return false }
      if end == path.count { return true }
      directory = found
      start = end + 1
    }
  }
}
