// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem
import Glibc
import Synchronization

/// The backend of a cache in which paths are walked: a file system.
final class WalkBackend: DirectoryBackend {
  private let files: any FileSystemView
  private let count = Atomic<Int>(0)

  init(_ files: any FileSystemView) {
    self.files = files
  }

  /// How often it has been asked.
  var calls: Int { count.load(ordering: .relaxed) }

  /// The directory at the top.
  func top() throws(DcacheError) -> WalkedFile {
    guard let file = try find([]) else { throw .noSuchFileOrDirectory }
    return file
  }

  func lookup(
    _ name: Span<UInt8>, in directory: WalkedFile
  ) throws(DcacheError) -> LookupAnswer<WalkedFile> {
    count.add(1, ordering: .relaxed)
    let path = directory.path.isEmpty ? name.copied() : directory.path + [slash] + name.copied()
    guard let file = try find(path) else { return .absent }
    return .found(file, kind: file.identity.type.inodeKind, number: file.identity.inode)
  }

  func linkTarget(of link: WalkedFile) throws(DcacheError) -> [UInt8] {
    // It could not be read when the link was found.
    count.add(1, ordering: .relaxed)
    return try readLink(link.path).get()
  }

  func cachedLinkTarget(of link: WalkedFile) -> [UInt8]? { link.target }

  private func readLink(_ path: [UInt8]) -> Result<[UInt8], DcacheError> {
    path.span.withCPath { files.linkTarget(of: $0) }
  }

  private func find(_ path: [UInt8]) throws(DcacheError) -> WalkedFile? {
    switch path.span.withCPath({ files.find($0) }) {
    case .absent: nil
    case .present(let identity):
      WalkedFile(
        path, identity, target: identity.type == .symlink ? try? readLink(path).get() : nil)
    case .failed(let code): throw DcacheError(rawValue: code)
    }
  }
}
