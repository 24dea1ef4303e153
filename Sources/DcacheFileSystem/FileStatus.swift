// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc

/// What the host says of a file: `struct stat`, without what changes and nobody tells.
///
/// The time of the last access and the number of blocks are left out: reading a file changes the one,
/// and writing it back, which may be minutes after the program wrote, the other.
public struct FileStatus: Sendable, Hashable {
  /// What kind of file it is.
  public var kind: FileKind
  /// The permission bits of `st_mode`: `0o7777` at most.
  public var permissions: UInt16
  /// In bytes.
  public var size: Int64
  /// When the contents changed last.
  public var modificationTime: FileTime
  /// When the status changed last.
  public var changeTime: FileTime
  /// The number of the file on its device.
  public var inode: UInt64
  /// The device that it is on.
  public var device: UInt64
  /// How many names it has.
  public var linkCount: UInt64
  /// The user who owns it.
  public var user: UInt32
  /// The group that owns it.
  public var group: UInt32
  /// Which device it is, if it is one.
  public var specialDevice: UInt64

  init(_ status: stat) {
    kind = FileKind(mode: status.st_mode)
    permissions = UInt16(status.st_mode & 0o7777)
    size = Int64(status.st_size)
    modificationTime = FileTime(status.st_mtim)
    changeTime = FileTime(status.st_ctim)
    inode = UInt64(status.st_ino)
    device = UInt64(status.st_dev)
    linkCount = UInt64(status.st_nlink)
    user = status.st_uid
    group = status.st_gid
    specialDevice = UInt64(status.st_rdev)
  }
}

/// A time as files have it.
public struct FileTime: Sendable, Hashable {
  /// Since the beginning of 1970, UTC; negative before.
  public var seconds: Int64
  /// After that second, less than 1 000 000 000.
  public var nanoseconds: Int64

  init(_ time: timespec) {
    seconds = Int64(time.tv_sec)
    nanoseconds = Int64(time.tv_nsec)
  }
}

extension FileTime: Comparable {
  /// Was it earlier?
  public static func < (lhs: FileTime, rhs: FileTime) -> Bool {
    (lhs.seconds, lhs.nanoseconds) < (rhs.seconds, rhs.nanoseconds)
  }
}
