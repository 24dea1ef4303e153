// SPDX-License-Identifier: LGPL-2.1-or-later

package import Dcache
import Glibc

/// What kind of file a name leads to, as `lstat(2)` tells them apart.
public enum FileKind: UInt8, Sendable {
  /// None of these, or the host does not say.
  case unknown
  /// A directory.
  case directory
  /// A regular file.
  case regular
  /// A symbolic link.
  case symlink
  /// A FIFO.
  case fifo
  /// A socket.
  case socket
  /// A character device.
  case characterDevice
  /// A block device.
  case blockDevice

  /// The kind that is part of an `st_mode`.
  package init(mode: UInt32) {
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
  package var inodeKind: InodeKind {
    switch self {
    case .directory: .directory
    case .regular: .regular
    case .symlink: .symlink
    case .unknown, .fifo, .socket, .characterDevice, .blockDevice: .special
    }
  }
}

extension FileKind: CustomStringConvertible {
  /// In words.
  public var description: String {
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
