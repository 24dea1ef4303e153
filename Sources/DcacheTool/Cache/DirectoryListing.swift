// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem

/// The names of a directory by their lower case, as far as ASCII letters go.
struct DirectoryListing: Sendable {
  /// The stored spelling of each folded name; empty if there are several.
  private var stored: [[UInt8]: [UInt8]] = [:]
  /// 0, or the `errno` value that ended the reading.
  private(set) var code: Int32 = 0

  /// Read a directory.
  init(of directory: Span<UInt8>, in files: any FileSystemView) {
    code = directory.withCPath { path in
      files.forEachName(in: path) { name in
        let name = name.copied()
        let folded = name.map(\.caseFolded)
        stored[folded] = stored[folded] == nil ? name : []
        return true
      }
    }
  }

  /// The one name that differs from `name` by case at most, or nil.
  func storedSpelling(of name: Span<UInt8>) -> [UInt8]? {
    guard let stored = stored[name.copied().map(\.caseFolded)], !stored.isEmpty else { return nil }
    return stored
  }
}
