// SPDX-License-Identifier: LGPL-2.1-or-later

/// The rounds of the command: all threads resolve the same paths, in the same order.
enum Phase: String, CaseIterable, Sendable, Codable {
  /// Each path, in a cache that knows only its root.
  case cold
  /// Each path again.
  case warm
  /// A name that does not exist beside each path.
  case missing
  /// Each path with the case of its last component's letters flipped, where it has letters and no
  /// name differs from it only by case.
  case wrongCase

  /// For people.
  var title: String {
    switch self {
    case .cold, .warm, .missing: rawValue
    case .wrongCase: "wrong case"
    }
  }
}
