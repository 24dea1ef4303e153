// SPDX-License-Identifier: LGPL-2.1-or-later

public import CDcache

/// What kind of object an inode is. Only directories, and in walks symbolic links, are treated
/// differently by the cache.
public enum InodeKind: Sendable, Hashable, CaseIterable {
  /// Something that has entries of its own.
  case directory
  /// An ordinary file.
  case regular
  /// A symbolic link. Walks follow it, lookups of one name do not.
  case symlink
  /// A device, FIFO, socket, or what else the program has.
  case special
}

extension InodeKind {
  internal var rawType: inode_type {
    switch self {
    case .directory: INODE_DIRECTORY
    case .regular: INODE_REGULAR
    case .symlink: INODE_SYMLINK
    case .special: INODE_SPECIAL
    }
  }

  @inlinable
  internal init(rawType: inode_type) {
    switch rawType {
    case INODE_DIRECTORY: self = .directory
    case INODE_REGULAR: self = .regular
    case INODE_SYMLINK: self = .symlink
    default: self = .special
    }
  }
}

/// How the names of a directory are compared.
public enum NameMatching: Sendable, Hashable {
  /// By their bytes.
  case exact
  /// By the Unicode full case folding of their normalised form, so that `straße` is `STRASSE`;
  /// names that are not valid UTF-8 by their bytes. Uses `casefold_d_hash` and
  /// `casefold_d_compare`.
  case caseInsensitive
}
