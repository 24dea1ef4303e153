// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache

/// Says on standard error what was skipped or changed and why, if the user wants to know.
struct Notes: Sendable {
  let isVerbose: Bool

  /// A path could not be used: an `errno` value.
  func note(_ path: [UInt8], _ code: Int32) {
    note(path, "\(DcacheError(rawValue: code))")
  }

  /// Something is to be said about a path; the top's is empty.
  func note(_ path: [UInt8], _ text: @autoclosure () -> String) {
    guard isVerbose else { return }
    StandardStream.error.print("dcache: \(printable(path.isEmpty ? [0x2e] : path)): \(text())")
  }
}
