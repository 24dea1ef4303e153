// SPDX-License-Identifier: LGPL-2.1-or-later

public import Dcache

extension CachedFileSystem {
  /// The names in a directory, in the order of their bytes, and what kinds of files they are.
  ///
  ///     for entry in try files.entries(of: "/etc") where entry.kind == .regular { … }
  ///
  /// While a listing is kept, names that it does not have are known not to exist.
  ///
  /// - Throws: what the host says, `ENOTDIR` for what is no directory.
  @available(*, noasync)
  public func entries<Path: DentryName>(
    of path: Path
  ) throws(FileSystemError) -> DirectoryEntries {
    try answer(path) { path throws(DcacheError) in
      DirectoryEntries(listing: try listing(of: path))
    }
  }

  internal func listing(of path: Span<UInt8>) throws(DcacheError) -> Listing {
    try find(
      path, .directory,
      kept: { node in node.withState { $0.listing } },
      asked: { node, _ throws(DcacheError) in
        try backend.listing(of: node)
      },
      direct: { path throws(DcacheError) in
        try backend.place.listing(ofCallersPath: path)
      })
  }
}
