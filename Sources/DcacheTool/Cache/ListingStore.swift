// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem

/// Listings of the directories that were needed last, each read once by whoever comes first.
final class ListingStore: Sendable {
  /// A listing, or the place for it: those who come while it is being read wait here, and
  /// nobody else does.
  private final class Slot: Sendable {
    let directory: [UInt8]
    let listing = Locked<DirectoryListing?>(nil)

    init(_ directory: [UInt8]) {
      self.directory = directory
    }
  }

  /// Threads go through the directories together, so few are in use at one time.
  private static let capacity = 64

  private let files: any FileSystemView
  /// The newest is the last.
  private let slots = Locked<[Slot]>([])

  init(of files: any FileSystemView) {
    self.files = files
  }

  /// The listing of a directory.
  func listing(of directory: [UInt8]) -> DirectoryListing {
    let files = self.files
    return slot(for: directory).listing.withLock { listing in
      if let listing { return listing }
      let new = DirectoryListing(of: directory.span, in: files)
      listing = new
      return new
    }
  }

  private func slot(for directory: [UInt8]) -> Slot {
    slots.withLock { slots in
      if let slot = slots.last(where: { $0.directory == directory }) { return slot }
      if slots.count == Self.capacity { slots.removeFirst() }
      let slot = Slot(directory)
      slots.append(slot)
      return slot
    }
  }
}
