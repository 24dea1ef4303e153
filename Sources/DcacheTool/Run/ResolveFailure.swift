// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache

/// Why the tree was not resolved to the end.
enum ResolveFailure: Error, Hashable {
  /// The user typed ^C.
  case interrupted
  /// The directory could not be read at all.
  case unreadable(DcacheError)
  /// No cache, or no thread, could be had.
  case noResources(DcacheError)
}
