// SPDX-License-Identifier: LGPL-2.1-or-later

/// What walks through the cache came to.
struct WalkCounts: Sendable, Hashable {
  /// Names looked up: each component of each path.
  var names = 0
  /// Of these, how often this thread asked the backend.
  var backendCalls = 0
  /// Paths that ended at a name known not to exist.
  var negatives = 0
  /// Paths that ended in an error.
  var errors = 0

  static func += (total: inout WalkCounts, other: WalkCounts) {
    total.names += other.names
    total.backendCalls += other.backendCalls
    total.negatives += other.negatives
    total.errors += other.errors
  }
}
