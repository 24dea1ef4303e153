// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem

/// Where a path led in a walk, and what it cost.
struct WalkAnswer: Sendable, Hashable {
  /// The path that was asked for.
  let path: [UInt8]
  /// Where it led, from the top; empty if it led nowhere.
  let place: [UInt8]
  /// What is there, or why it led nowhere.
  let finding: Finding
  /// How often the host was asked for that.
  let backendCalls: Int
  /// Time by the clock.
  let nanoseconds: Int64

  /// Did it lead somewhere?
  var isFound: Bool {
    if case .present = finding { true } else { false }
  }
}

extension WalkAnswer: CustomStringConvertible {
  var description: String {
    let what =
      switch finding {
      case .present(let identity): "\(printable(place)), \(identity)"
      case .failed(let code): "\(DcacheError(rawValue: code))"
      case .absent: "\(DcacheError.noSuchFileOrDirectory)"
      }
    return "\(printable(path)): \(what) (\(cost), \(nanoseconds) ns)"
  }

  private var cost: String {
    switch backendCalls {
    case 0: "cached"
    case 1: "1 backend call"
    default: "\(backendCalls) backend calls"
    }
  }
}
