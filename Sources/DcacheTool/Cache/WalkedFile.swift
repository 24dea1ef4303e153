// SPDX-License-Identifier: LGPL-2.1-or-later

/// The payload of an entry of a tree that is walked: a file, and the path by which the host knows it.
final class WalkedFile: Sendable {
  /// From the top; empty: the top itself.
  let path: [UInt8]
  let identity: FileIdentity
  /// Where it leads, if it is a symbolic link that could be read.
  let target: [UInt8]?

  init(_ path: [UInt8], _ identity: FileIdentity, target: [UInt8]? = nil) {
    self.path = path
    self.identity = identity
    self.target = target
  }
}
