// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem
import Glibc

@testable import DcacheTool

/// A directory of the host, but for what a test says of some paths.
struct PretendingFiles: FileSystemView {
  let host: HostDirectory
  /// What is said of a path instead of the truth; nil: the truth.
  var finding: @Sendable (_ path: String, _ truth: Finding) -> Finding? = { _, _ in nil }
  /// The names said to be in a directory, or the error; nil: the truth.
  var listing: @Sendable (_ path: String) -> Result<[String], ListingError>? = { _ in nil }

  /// An `errno` value.
  struct ListingError: Error {
    let code: Int32
  }

  func find(_ path: UnsafePointer<CChar>) -> Finding {
    let truth = host.find(path)
    return finding(String(cString: path), truth) ?? truth
  }

  func changeTime(of path: UnsafePointer<CChar>) -> Int64? { host.changeTime(of: path) }

  func linkTarget(of path: UnsafePointer<CChar>) -> Result<[UInt8], DcacheError> {
    host.linkTarget(of: path)
  }

  func forEachName(in path: UnsafePointer<CChar>, _ body: (Span<UInt8>) -> Bool) -> Int32 {
    switch listing(String(cString: path)) {
    case nil:
      return host.forEachName(in: path, body)
    case .failure(let error):
      return error.code
    case .success(let names):
      _ = names.allSatisfy { name in body(Array(name.utf8).span) }
      return 0
    }
  }
}
