// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: stored property 'calls' of 'Sendable'-conforming class 'Store' is mutable
//
// A backend is asked by many tasks at once.

import Dcache

final class File: Sendable {}

final class Store: AsyncDirectoryBackend {
  var calls = 0

  func lookup(
    _ name: Span<UInt8>, in directory: File
  ) async throws(DcacheError) -> LookupAnswer<File> { .absent }
}
