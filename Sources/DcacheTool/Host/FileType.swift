// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc

/// What kind of file a name leads to, as `lstat(2)` tells them apart.
enum FileType: UInt8, Sendable {
  case unknown
  case directory
  case regular
  case symlink
  case fifo
  case socket
  case characterDevice
  case blockDevice

  /// The kind that is part of an `st_mode`.
  init(mode: mode_t) {
    switch mode & S_IFMT {
    case S_IFDIR: self = .directory
    case S_IFREG: self = .regular
    case S_IFLNK: self = .symlink
    case S_IFIFO: self = .fifo
    case S_IFSOCK: self = .socket
    case S_IFCHR: self = .characterDevice
    case S_IFBLK: self = .blockDevice
    default: self = .unknown
    }
  }

  /// What the cache is told.
  var kind: InodeKind {
    switch self {
    case .directory: .directory
    case .regular: .regular
    case .symlink: .symlink
    case .unknown, .fifo, .socket, .characterDevice, .blockDevice: .special
    }
  }
}

extension FileType: CustomStringConvertible {
  var description: String {
    switch self {
    case .unknown: "file of unknown kind"
    case .directory: "directory"
    case .regular: "regular file"
    case .symlink: "symbolic link"
    case .fifo: "FIFO"
    case .socket: "socket"
    case .characterDevice: "character device"
    case .blockDevice: "block device"
    }
  }
}
