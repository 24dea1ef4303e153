// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache
import Glibc

// MARK: - Where it is, while others rename

extension Dentry {
  /// Is it below `directory`? Right also while entries are being moved. Calls `d_ancestor`.
  public borrowing func isDescendant(of directory: borrowing Dentry) -> Bool {
    d_ancestor(directory.raw, raw) != nil
  }

  /// Is it above `entry`? Right also while entries are being moved. Calls `d_ancestor`.
  public borrowing func isAncestor(of entry: borrowing Dentry) -> Bool {
    d_ancestor(raw, entry.raw) != nil
  }

  /// Is it `directory` itself, or below it? Right also while entries are being moved. Calls `is_subdir`.
  public borrowing func isInSubtree(of directory: borrowing Dentry) -> Bool {
    is_subdir(raw, directory.raw)
  }

  /// The path from `directory`, without its own name. Calls `d_path` and `d_name_copy`.
  ///
  ///     print(try entry.path(relativeTo: usr))  // /share/motd
  ///
  /// - Throws: ``DcacheError/improperLink``: it is not below `directory`.
  public borrowing func path(
    relativeTo directory: borrowing Dentry
  ) throws(DcacheError) -> DentryPath {
    while true {
      let text = try rawPath(relativeTo: directory.raw)
      let path = withNameBytes { name in
        DentryPath(text, name: raw == directory.raw ? name.extracting(first: 0) : name)
      }
      if let path { return path }
      // It has been renamed in between.
    }
  }

  /// The text of `d_path`.
  private borrowing func rawPath(
    relativeTo directory: OpaquePointer
  ) throws(DcacheError) -> [UInt8] {
    var capacity = 256
    while true {
      var length: Int32 = 0
      let path = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        length = buffer.withMemoryRebound(to: CChar.self) {
          d_path(raw, directory, $0.baseAddress, capacity)
        }
        count = Int(max(length, 0))
      }
      if length >= 0 { return path }
      guard length == -ENAMETOOLONG else { throw DcacheError(rawValue: -length) }
      capacity *= 4
    }
  }
}

extension DentryPath {
  /// From the text of `d_path`, which says at its end whether the entry is deleted. A name may end in the
  /// same words, so the name tells whether they are a part of it; empty: the path has no name in it.
  /// nil if it is another's name.
  fileprivate init?(_ text: [UInt8], name: Span<UInt8>) {
    let mark = Array(" (deleted)".utf8)
    let start = (text.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1
    let last = text[start...]
    let isName =
      last.count >= name.count && name.indices.allSatisfy { name[$0] == last[start + $0] }
    let rest = last.dropFirst(name.count)
    guard isName, rest.isEmpty || rest.elementsEqual(mark) else { return nil }
    isDeleted = !rest.isEmpty
    bytes = isDeleted ? text.dropLast(mark.count) : text
  }
}

// MARK: - Renaming

extension DentryCache {
  /// An entry takes the place of another: its directory and its name. What is below it goes with it.
  /// Calls `d_move`.
  ///
  ///     try cache.withDirectoryLocks(here, there) { here, there throws(DcacheError) in
  ///       try backend.rename(…)
  ///       let target = try there.addNegative(name: "motd")
  ///       try cache.move(entry, onto: target)
  ///     }
  ///
  /// Afterwards lookups find `entry`, and no longer `target`, which otherwise stays as it was. The
  /// caller, whose store has done the rename, has locked both directories, or sees to it otherwise that
  /// nobody creates, removes or looks up those names meanwhile. For everybody else it happens at one
  /// moment.
  ///
  /// - Throws: ``DcacheError/invalidArgument``: they are the same, or one is a root or the outcome of a
  ///   lookup that ended otherwise; ``DcacheError/tooManySymbolicLinkLevels``: `entry` is above `target`;
  ///   ``DcacheError/fileExists``: lookups do not find `target` but another entry of its name;
  ///   ``DcacheError/improperLink``: it is another cache's. Nothing has changed then.
  public func move(
    _ entry: borrowing Dentry<Payload>, onto target: borrowing Dentry<Payload>
  ) throws(DcacheError) {
    try check(d_move(entry.raw, target.raw))
  }

  /// Two entries swap their places: directories and names. Calls `d_exchange`.
  ///
  /// - Throws: ``DcacheError/invalidArgument``: they are the same, or lookups do not find one of them;
  ///   ``DcacheError/tooManySymbolicLinkLevels``: one is above the other;
  ///   ``DcacheError/improperLink``: they are of two caches. Nothing has changed then.
  public func exchange(
    _ first: borrowing Dentry<Payload>, _ second: borrowing Dentry<Payload>
  ) throws(DcacheError) {
    try check(d_exchange(first.raw, second.raw))
  }
}
