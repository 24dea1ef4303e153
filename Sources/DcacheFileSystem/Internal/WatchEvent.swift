// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc

/// An event of inotify's: `struct inotify_event`.
struct WatchEvent: Sendable, Hashable {
  /// Whose it is.
  let watch: Int32
  /// `IN_…`
  let mask: Int32
  /// In the directory that is watched; empty: it is about what is watched itself.
  let name: [UInt8]

  /// Events were lost.
  var isOverflow: Bool { mask & IN_Q_OVERFLOW != 0 }

  /// The watch is gone.
  var isEnd: Bool { mask & IN_IGNORED != 0 }

  /// A name came, or went.
  var changesNames: Bool {
    !name.isEmpty && mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO) != 0
  }

  /// The directory itself may be closed to us now, or open.
  var changesRights: Bool { name.isEmpty && mask & IN_ATTRIB != 0 }

  /// The events that a read has given.
  static func events(in bytes: Span<UInt8>) -> [WatchEvent] {
    var events: [WatchEvent] = []
    var start = 0
    let header = MemoryLayout<inotify_event>.size
    bytes.withUnsafeBytes { buffer in
      while start + header <= buffer.count {
        let event = buffer.loadUnaligned(fromByteOffset: start, as: inotify_event.self)
        let name = buffer[(start + header)..<(start + header + Int(event.len))]
        events.append(
          WatchEvent(
            watch: event.wd, mask: Int32(bitPattern: event.mask),
            name: Array(name.prefix { $0 != 0 })))
        start += header + Int(event.len)
      }
    }
    return events
  }
}
