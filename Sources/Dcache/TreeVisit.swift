// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// What becomes of ``Dentry/walkTree(_:)`` after a visit.
public enum TreeVisit: Sendable, Hashable {
  /// Go on, below this entry too.
  case `continue`
  /// Go on, but not below this entry.
  case skip
  /// That is all.
  case quit
}

extension TreeVisit {
  internal var rawVisit: d_walk_ret {
    switch self {
    case .continue: D_WALK_CONTINUE
    case .skip: D_WALK_SKIP
    case .quit: D_WALK_QUIT
    }
  }
}
