// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: lifetime-dependent variable 'name' escapes its scope
//
// The name is lent for the call, not to what goes on after it.

import Dcache

final class File: Sendable {}

struct Store: AsyncDirectoryBackend {
  func lookup(
    _ name: Span<UInt8>, in directory: File
  ) async throws(DcacheError) -> LookupAnswer<File> {
    Task { print(name.count) }
    return .absent
  }
}
