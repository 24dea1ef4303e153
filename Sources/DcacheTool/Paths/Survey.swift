// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem
import Glibc

/// Reads a directory tree, breadth first: the names of a directory stay together.
///
/// Symbolic links to directories are not descended. The nodes are the queue of directories to be
/// read, so that nothing but the tree itself grows with it.
struct Survey {
  private(set) var tree = PathTree()
  private(set) var counts = SurveyCounts()
  private let files: any FileSystemView
  private let maxPaths: Int
  private let notes: Notes
  private var path: [UInt8] = []

  /// A survey of all that is below the top of `files`, of at most `maxPaths` paths; 0: of all.
  init(of files: any FileSystemView, maxPaths: Int, notes: Notes) {
    self.files = files
    self.maxPaths = maxPaths == 0 ? .max : maxPaths
    self.notes = notes
  }

  /// Read it. `progress` is told now and then how many paths there are. Returns 0, or the `errno` value
  /// for which the top could not be read at all.
  mutating func run(progress: (Int) -> Void) -> Int32 {
    guard case .present(let top) = files.find(".") else { return ENOENT }
    let code = readDirectory(PathTree.top, device: top.device)
    guard code == 0 || tree.count > 0 else { return code }
    var index = 0
    while index < tree.count, !Interruption.isRequested {
      let identity = tree.identity(of: index)
      if identity.type == .directory {
        readDirectory(UInt32(index), device: identity.device)
        progress(tree.count)
      }
      index += 1
    }
    return 0
  }

  /// Read one directory. Returns 0, or the `errno` value that ended the reading.
  @discardableResult
  private mutating func readDirectory(_ directory: UInt32, device: UInt64) -> Int32 {
    guard !counts.truncated else { return 0 }
    path.removeAll(keepingCapacity: true)
    tree.appendPath(of: directory, to: &path)
    let first = tree.count
    let files = self.files
    let directoryPath = path
    let code = directoryPath.span.withCPath { path in
      files.forEachName(in: path) { name in
        add(name, in: directory, device: device)
        return !counts.truncated && !Interruption.isRequested
      }
    }
    if code != 0 { skip(directoryPath, because: code) }
    markSpellings(of: first..<tree.count)
    return code
  }

  /// A name has been read in the directory whose path `path` is.
  private mutating func add(_ name: Span<UInt8>, in directory: UInt32, device: UInt64) {
    let length = path.count
    defer { path.removeSubrange(length...) }
    if length > 0 { path.append(slash) }
    for index in name.indices { path.append(name[index]) }
    guard name.count <= 255 else { return skip(path, because: ENAMETOOLONG) }
    switch path.span.withCPath({ files.find($0) }) {
    case .absent: skip(path, because: ENOENT)
    case .failed(let code): skip(path, because: code)
    case .present(let identity):
      guard tree.count < maxPaths, tree.append(name: name, parent: directory, identity: identity)
      else {
        counts.truncated = true
        return
      }
      count(identity, isMountPoint: identity.device != device)
      if String(validating: path[(path.count - name.count)...], as: UTF8.self) == nil {
        counts.notUTF8 += 1
      }
    }
  }

  private mutating func count(_ identity: FileIdentity, isMountPoint: Bool) {
    switch identity.type {
    case .directory: counts.directories += 1
    case .symlink: counts.symlinks += 1
    case .regular: break
    case .unknown, .fifo, .socket, .characterDevice, .blockDevice: counts.special += 1
    }
    if isMountPoint { counts.mountPoints += 1 }
  }

  private mutating func skip(_ path: [UInt8], because code: Int32) {
    switch code {
    case ENOENT, ENOTDIR, ELOOP: counts.vanished += 1
    case ENAMETOOLONG: counts.tooLong += 1
    default: counts.unreadable += 1
    }
    notes.note(path, code)
  }

  /// Find the names of one directory that differ only in case.
  private mutating func markSpellings(of nodes: Range<Int>) {
    var first: [[UInt8]: Int] = [:]
    for index in nodes {
      let folded = tree.withName(of: index) { name in name.copied().map(\.caseFolded) }
      guard folded.contains(where: \.isLetter) else { continue }
      if let other = first[folded] {
        markAmbiguous(other)
        markAmbiguous(index)
      } else {
        first[folded] = index
        tree.setSpelling(.unique, of: index)
      }
    }
  }

  private mutating func markAmbiguous(_ index: Int) {
    guard tree.spelling(of: index) != .ambiguous else { return }
    tree.setSpelling(.ambiguous, of: index)
    counts.ambiguousCase += 1
  }
}
