// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem

/// A directory tree that can be asked about paths below its top.
///
/// The host's is ``HostDirectory``; tests have others. Paths end in NUL and are relative to the
/// top, which itself is `.`. Symbolic links are not followed.
protocol FileSystemView: Sendable {
  /// What has this path.
  func find(_ path: UnsafePointer<CChar>) -> Finding

  /// When the file's status changed last, in nanoseconds since 1970; nil if there is none.
  func changeTime(of path: UnsafePointer<CChar>) -> Int64?

  /// Where a symbolic link leads.
  func linkTarget(of path: UnsafePointer<CChar>) -> Result<[UInt8], DcacheError>

  /// Lend each name in a directory to `body`, without `.` and `..`, until it returns false.
  /// Returns 0, or the `errno` value that ended it.
  func forEachName(in path: UnsafePointer<CChar>, _ body: (Span<UInt8>) -> Bool) -> Int32
}
