// SPDX-License-Identifier: LGPL-2.1-or-later

/// The payload of an entry: what the host said of the file when it was asked. A name has an inode of
/// its own in the cache, whether the file has other names or not.
final class HostFile: Sendable {
  let identity: FileIdentity

  init(_ identity: FileIdentity) {
    self.identity = identity
  }
}
