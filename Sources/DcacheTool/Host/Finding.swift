// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem

/// What looking for a path came to, in the cache or on the host.
enum Finding: Sendable, Hashable {
  /// Nothing has that path.
  case absent
  /// The file, not followed if it is a symbolic link.
  case present(FileIdentity)
  /// It cannot be said: an `errno` value.
  case failed(Int32)
}

extension Finding: CustomStringConvertible {
  var description: String {
    switch self {
    case .absent: "nothing"
    case .present(let identity): identity.description
    case .failed(let code): "error: \(DcacheError(rawValue: code))"
    }
  }
}
