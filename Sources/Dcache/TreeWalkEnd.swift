// SPDX-License-Identifier: LGPL-2.1-or-later

/// How ``Dentry/walkTree(_:)`` ended.
public enum TreeWalkEnd: Sendable, Hashable {
  /// All were visited.
  case complete
  /// All were visited, but something was moved between directories meanwhile: it may have been visited
  /// twice, or not at all.
  case completeButMoved
  /// A visit ended it.
  case quit
}
