// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcacheHost

/// On which devices all changes are made by this host, so that inotify tells of them.
final class LocalDevices: Sendable {
  private let place: HostPlace
  private let known = Locked<[UInt64: Bool]>([:])

  init(_ place: HostPlace) {
    self.place = place
  }

  /// Does inotify tell of all names that come and go in a directory?
  func tellOfNames(in directory: Node) -> Bool {
    if let known = known.withLock({ $0[directory.device] }) {
      return known && !isCasefolded(directory)
    }
    var device: UInt64 = 0
    let type = place.withCPath(directory.path) { host_filesystem($0, &device) }
    // Another one is there now, of which nothing was asked.
    guard type >= 0, device == directory.device else { return false }
    let isLocal = Self.types.contains(type)
    known.withLock { $0[device] = isLocal }
    return isLocal && !isCasefolded(directory)
  }

  /// An event tells of one spelling, and the others change too.
  private func isCasefolded(_ directory: Node) -> Bool {
    place.withCPath(directory.path) { host_is_casefolded($0) } > 0
  }

  /// Something else may be mounted there now.
  func forget() {
    known.withLock { $0 = [:] }
  }

  /// `f_type` of statfs(2). Not here: networks, FUSE, what the kernel makes up (proc, sysfs, cgroups),
  /// and what takes names in any case.
  private static let types: Set<Int64> = [
    0xef53,  // ext2, ext3, ext4
    0x5846_5342,  // xfs
    0x9123_683e,  // btrfs
    0xf2f5_2010,  // f2fs
    0xca45_1a4e,  // bcachefs
    0x0102_1994,  // tmpfs, devtmpfs
    0x8584_58f6,  // ramfs
    0x794c_7630,  // overlayfs
    0x7371_7368,  // squashfs
    0xe0f5_e1e2,  // erofs
  ]
}
