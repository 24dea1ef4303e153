// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem

/// What makes a file the same file: two names that agree in this lead to one object.
struct FileIdentity: Sendable, Hashable {
  /// `st_dev`
  let device: UInt64
  /// `st_ino`
  let inode: UInt64
  /// The kind in `st_mode`.
  let type: FileKind
}

extension FileIdentity: CustomStringConvertible {
  var description: String { "\(type), inode \(inode) of device \(device)" }
}
