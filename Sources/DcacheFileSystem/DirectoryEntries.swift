// SPDX-License-Identifier: LGPL-2.1-or-later

/// A name in a directory.
public struct DirectoryEntry: Sendable, Hashable {
  /// The bytes of the name.
  public var nameBytes: [UInt8]
  /// What kind of file it is, symbolic links not followed; `unknown` if the filesystem does not say so
  /// in its directories.
  public var kind: FileKind

  /// The name, with U+FFFD for what is not UTF-8.
  public var name: String { String(decoding: nameBytes, as: UTF8.self) }
}

/// The names in a directory, without `.` and `..`, in the order of their bytes.
///
/// As of the reading of the directory: of what is created or removed while the host reads it, any part
/// may be there.
public struct DirectoryEntries: Sendable, RandomAccessCollection {
  // All names in one piece of memory: those of large directories are kept for long.
  let listing: Listing

  /// The first one's.
  public var startIndex: Int { 0 }
  /// Behind the last one's.
  public var endIndex: Int { listing.kinds.count }

  /// One of them.
  public subscript(position: Int) -> DirectoryEntry {
    DirectoryEntry(
      nameBytes: listing.name(at: position), kind: listing.kinds[position])
  }
}
