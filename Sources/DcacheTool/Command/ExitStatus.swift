// SPDX-License-Identifier: LGPL-2.1-or-later

import ArgumentParser

/// What the command's exit status says.
enum ExitStatus {
  /// An answer of the cache was wrong.
  static let wrongAnswer = ExitCode(1)
  /// The directory cannot be read at all.
  static let noDirectory = ExitCode(3)
  /// The machine refused something: threads, memory, or writing the report.
  static let noResources = ExitCode(4)
  /// The user typed ^C.
  static let interrupted = ExitCode(130)
}
