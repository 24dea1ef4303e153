// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc

/// Standard output and standard error, written to at once.
enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Is it a terminal?
  var isTerminal: Bool { isatty(rawValue) == 1 }

  /// Write a line, and do not care whether anybody can read it.
  func print(_ line: String) {
    try? write(line + "\n")
  }

  /// Write a text, all of it.
  func write(_ text: String) throws(DcacheError) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
      if written >= 0 {
        rest = rest.dropFirst(written)
      } else if errno != EINTR {
        throw DcacheError(rawValue: errno)
      }
    }
  }
}
