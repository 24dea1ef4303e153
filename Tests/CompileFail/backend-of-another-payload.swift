// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: no exact matches in call to initializer
//
// A backend answers with the payloads that the cache has.

import Dcache

final class File: Sendable {}
final class Other: Sendable {}

struct Store: DirectoryBackend {
  func lookup(_ name: Span<UInt8>, in directory: Other) throws(DcacheError) -> LookupAnswer<Other> {
    .absent
  }
}

func make() throws -> DentryCache<File> {
  try DentryCache<File>(root: File(), backend: Store())
}
