// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem
import Glibc

/// Where the cache's answers come from: a file system. Each thread has a copy of its own.
struct Backend: Sendable {
  private let files: any FileSystemView
  /// For names that are another spelling of a stored one; nil: only exact names are found.
  private let listings: ListingStore?
  /// The listing that was needed last, and of which directory: most often it is needed again.
  private var last: (directory: [UInt8], listing: DirectoryListing)?

  /// A backend that finds exact names, or with `anyCase` other spellings of stored names too.
  init(_ files: any FileSystemView, anyCase: Bool) {
    self.files = files
    listings = anyCase ? ListingStore(of: files) : nil
  }

  /// Look for a path, whose last component is the name that the cache asks for.
  mutating func lookUp(_ path: Span<UInt8>) throws(DcacheError) -> LookupAnswer<HostFile> {
    switch path.withCPath({ files.find($0) }) {
    case .present(let identity):
      return .found(HostFile(identity), kind: identity.type.inodeKind, number: identity.inode)
    case .failed(let code):
      throw DcacheError(rawValue: code)
    case .absent:
      return try lookUpInAnyCase(path)
    }
  }

  /// What a name leads to that does not exist in this spelling.
  private mutating func lookUpInAnyCase(
    _ path: Span<UInt8>
  ) throws(DcacheError) -> LookupAnswer<HostFile> {
    guard let listings else { return .absent }
    let start = path.startOfLastComponent
    let listing = listing(of: path.extracting(0..<max(start - 1, 0)), in: listings)
    switch listing.code {
    case 0: break
    case ENOENT, ENOTDIR: return .absent
    default: throw DcacheError(rawValue: listing.code)
    }
    guard let stored = listing.storedSpelling(of: path.extracting(start...)) else { return .absent }
    let storedPath = path.extracting(0..<start).copied() + stored
    switch storedPath.span.withCPath({ files.find($0) }) {
    case .absent:
      return .absent
    case .failed(let code):
      throw DcacheError(rawValue: code)
    case .present(let identity):
      return .stored(
        name: stored, HostFile(identity), kind: identity.type.inodeKind, number: identity.inode)
    }
  }

  private mutating func listing(
    of directory: Span<UInt8>, in listings: ListingStore
  ) -> DirectoryListing {
    if let last, last.directory.span.isEqual(to: directory) { return last.listing }
    let directory = directory.copied()
    let listing = listings.listing(of: directory)
    last = (directory, listing)
    return listing
  }
}
