// SPDX-License-Identifier: LGPL-2.1-or-later

/// How many names are kept in listings, of all directories together: the oldest listings go first.
final class ListingBudget: Sendable {
  private let maxNames: Int
  private let state = Locked(State())

  private struct State {
    var names = 0
    var kept: [Kept] = []
  }

  private struct Kept {
    weak var node: Node?
    weak var listing: Listing?
    let names: Int
  }

  init(maxNames: Int) {
    self.maxNames = maxNames
  }

  /// Make room for a listing that is about to be kept. False: it is too large.
  func admit(_ listing: Listing, of node: Node) -> Bool {
    guard listing.kinds.count <= maxNames else { return false }
    let dropped = state.withLock { state in
      var dropped: [Kept] = []
      state.names += listing.kinds.count
      state.kept.append(Kept(node: node, listing: listing, names: listing.kinds.count))
      if state.names > maxNames {
        // Those that nobody keeps any more take no room.
        state.kept.removeAll { kept in
          let isGone = kept.listing == nil
          if isGone { state.names -= kept.names }
          return isGone
        }
      }
      while state.names > maxNames {
        let oldest = state.kept.removeFirst()
        state.names -= oldest.names
        dropped.append(oldest)
      }
      return dropped
    }
    for kept in dropped {
      let listing = kept.listing
      kept.node?.withState { if $0.listing === listing { $0.listing = nil } }
    }
    return true
  }
}
