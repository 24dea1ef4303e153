// SPDX-License-Identifier: LGPL-2.1-or-later

public import CDcache

/// How ``DentryCache/walk(_:options:)`` goes: `WALK_…`.
@frozen
public struct WalkOptions: OptionSet, Sendable, Hashable {
  /// The flags in C.
  public let rawValue: UInt32

  /// Any flags; the low 16 bits are not used here.
  @inlinable
  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// If the last component is a symbolic link, that is the answer. As `O_NOFOLLOW`, but no error.
  @inlinable
  public static var noFollow: WalkOptions { WalkOptions(rawValue: WALK_NOFOLLOW) }

  /// ``DcacheError/tooManySymbolicLinkLevels`` on any symbolic link. As `RESOLVE_NO_SYMLINKS`.
  @inlinable
  public static var noSymlinks: WalkOptions { WalkOptions(rawValue: WALK_NO_SYMLINKS) }

  /// ``DcacheError/improperLink`` where the path, or a link, leaves the directory it began in, if only for
  /// a while. As `RESOLVE_BENEATH`.
  @inlinable
  public static var beneath: WalkOptions { WalkOptions(rawValue: WALK_BENEATH) }

  /// The directory it begins in is `/`, and its own `..`, for the path and for links. As
  /// `RESOLVE_IN_ROOT`.
  @inlinable
  public static var inRoot: WalkOptions { WalkOptions(rawValue: WALK_IN_ROOT) }

  /// ``DcacheError/notDirectory`` if it leads to none. As `O_DIRECTORY`. A path that ends in `/` means
  /// the same.
  @inlinable
  public static var directory: WalkOptions { WalkOptions(rawValue: WALK_DIRECTORY) }

  /// ``DcacheError/resourceTemporarilyUnavailable`` instead of asking the backend, or sleeping. As
  /// `RESOLVE_CACHED`.
  @inlinable
  public static var cached: WalkOptions { WalkOptions(rawValue: WALK_CACHED) }

  /// A last component that does not exist is answered by its negative entry: for creating it.
  @inlinable
  public static var create: WalkOptions { WalkOptions(rawValue: WALK_CREATE) }
}
