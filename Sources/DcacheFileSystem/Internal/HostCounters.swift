// SPDX-License-Identifier: LGPL-2.1-or-later

import Synchronization

/// How often the host was asked, and what it told by itself. Nothing is counted where it is not.
final class HostCounters: Sendable {
  /// `stat` and `readlink` of names that were not cached, or whose status was not.
  let asked = Atomic<Int>(0)
  /// Directories read.
  let listed = Atomic<Int>(0)
  /// Calls that were the host's to answer, for no watch told of what they came by.
  let passedOn = Atomic<Int>(0)
  /// Events of inotify.
  let events = Atomic<Int>(0)
  /// How often everything was forgotten.
  let forgotten = Atomic<Int>(0)
}

/// Called by tests' caches at some moments, with the path of the node.
typealias Probe = @Sendable (ProbePoint, [UInt8]) -> Void

enum ProbePoint: Sendable, Hashable {
  /// A watch was put on a directory in which nothing has been asked yet.
  case watched
  /// The host is about to be asked.
  case asking
  /// The host has been asked; the answer is not cached yet.
  case asked
  /// Events have been read and nothing has been done about them yet.
  case drained
}
