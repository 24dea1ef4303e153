// SPDX-License-Identifier: LGPL-2.1-or-later

/// Can a name be asked for in a wrong case?
enum Spelling: UInt8, Sendable {
  /// It has no ASCII letter.
  case noLetters
  /// No other name in its directory differs only in the case of ASCII letters.
  case unique
  /// Another name does, so that a third spelling could mean either.
  case ambiguous
}
