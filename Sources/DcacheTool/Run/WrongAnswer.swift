// SPDX-License-Identifier: LGPL-2.1-or-later

/// An answer that the host contradicts, and did so all the time.
struct WrongAnswer: Sendable, Hashable, Codable {
  /// The phase in which it was given.
  let phase: Phase
  /// The path that was asked for, printable; or what else was counted.
  let path: String
  /// What it should have been.
  let expected: String
  /// What it was.
  let got: String
}
