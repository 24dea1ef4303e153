// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: lifetime-dependent variable 'name' escapes its scope
//
// The name that a backend is asked for is lent for the time of the call.

import Dcache

final class File: Sendable {}

struct Store: DirectoryBackend {
  func lookup(_ name: Span<UInt8>, in directory: File) throws(DcacheError) -> LookupAnswer<File> {
    .numbered(7) { () in (File(), name.count > 3 ? .regular : .directory) }
  }
}
