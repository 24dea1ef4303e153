// SPDX-License-Identifier: LGPL-2.1-or-later

import ArgumentParser
import Dcache
import DcacheFileSystem

/// What the command's exit status says.
enum ExitStatus {
  /// An answer of the cache was wrong.
  static let wrongAnswer = ExitCode(1)
  /// A path that was asked for led nowhere.
  static let notFound = ExitCode(1)
  /// The directory cannot be read at all.
  static let noDirectory = ExitCode(3)
  /// The machine refused something: threads, memory, or writing the report.
  static let noResources = ExitCode(4)
  /// The user typed ^C.
  static let interrupted = ExitCode(130)
}

extension ExitCode {
  /// The same, the reason for it said on standard error.
  func because(_ reason: String) -> ExitCode {
    StandardStream.error.print("dcache: \(reason)")
    return self
  }
}

extension StandardStream {
  /// Write what the user wants to see. Complains, and throws the exit status, if it cannot be written.
  func show(_ text: String) throws {
    do throws(DcacheError) {
      try write(text)
    } catch {
      throw ExitStatus.noResources.because("standard output: \(error)")
    }
  }
}

extension HostDirectory {
  /// Open a directory that the user named. Complains, and throws the exit status, if it cannot be read.
  static func opened(_ path: String) throws -> HostDirectory {
    do throws(DcacheError) {
      return try HostDirectory(path: path)
    } catch {
      throw cannotRead(path, error)
    }
  }

  /// Complain about a directory. Returns the exit status.
  static func cannotRead(_ path: String, _ error: DcacheError) -> ExitCode {
    ExitStatus.noDirectory.because("cannot read '\(printable(Array(path.utf8)))': \(error)")
  }
}
