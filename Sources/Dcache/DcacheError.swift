// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache
import Glibc

/// Why a call of this module failed: a value of the C `errno`.
///
/// It is also what a backend says when it cannot answer a lookup; everybody who waits for that
/// lookup then gets the same error.
///
///     do {
///       let entry = try cache.resolve(parent: cache.root, name: "etc") { _ throws(DcacheError) in
///         throw .permissionDenied
///       }
///     } catch .permissionDenied {
///       …
///     }
public struct DcacheError: Error, RawRepresentable, Hashable, Sendable {
  /// The `errno` value, positive.
  public let rawValue: Int32

  /// Any `errno` value, such as the one a call of the host has just set.
  @inlinable
  public init(rawValue: Int32) {
    self.rawValue = rawValue
  }

  /// EPERM
  public static var notPermitted: DcacheError { DcacheError(rawValue: EPERM) }
  /// ENOENT: the directory is a negative entry.
  public static var noSuchFileOrDirectory: DcacheError { DcacheError(rawValue: ENOENT) }
  /// EINTR
  public static var interrupted: DcacheError { DcacheError(rawValue: EINTR) }
  /// EIO
  public static var ioError: DcacheError { DcacheError(rawValue: EIO) }
  /// EAGAIN: the thread that frees memory could not be started; or a walk that was to use the cache
  /// alone needs more.
  public static var resourceTemporarilyUnavailable: DcacheError { DcacheError(rawValue: EAGAIN) }
  /// EAGAIN, by its other name EWOULDBLOCK: the call was to wait for nothing, and would have had to.
  public static var wouldBlock: DcacheError { DcacheError(rawValue: EWOULDBLOCK) }
  /// ENOMEM
  public static var noMemory: DcacheError { DcacheError(rawValue: ENOMEM) }
  /// EACCES
  public static var permissionDenied: DcacheError { DcacheError(rawValue: EACCES) }
  /// EBUSY: the entry is being looked up.
  public static var resourceBusy: DcacheError { DcacheError(rawValue: EBUSY) }
  /// EEXIST: the name is cached already, or the directory has an entry already.
  public static var fileExists: DcacheError { DcacheError(rawValue: EEXIST) }
  /// EXDEV: an entry or inode of another cache; or of another place than the one not to be left.
  public static var improperLink: DcacheError { DcacheError(rawValue: EXDEV) }
  /// ENOTDIR: an entry that is not a directory was given as one.
  public static var notDirectory: DcacheError { DcacheError(rawValue: ENOTDIR) }
  /// EINVAL: the name is empty or holds `/` or NUL, or an argument is out of range.
  public static var invalidArgument: DcacheError { DcacheError(rawValue: EINVAL) }
  /// ENAMETOOLONG: the name has more than 255 bytes.
  public static var fileNameTooLong: DcacheError { DcacheError(rawValue: ENAMETOOLONG) }
  /// EDEADLK: waiting for that lookup would never end.
  public static var resourceDeadlockAvoided: DcacheError { DcacheError(rawValue: EDEADLK) }
  /// ELOOP: a directory cannot be moved below itself; or too many symbolic links, or one where none
  /// may be.
  public static var tooManySymbolicLinkLevels: DcacheError { DcacheError(rawValue: ELOOP) }
  /// EALREADY: the lookup has ended; or memory pressure is being watched.
  public static var alreadyInProcess: DcacheError { DcacheError(rawValue: EALREADY) }
  /// ESTALE: a directory is cached elsewhere and cannot be moved just now; or is not where the program
  /// said it was.
  public static var staleFileHandle: DcacheError { DcacheError(rawValue: ESTALE) }
  /// ETIMEDOUT: the deadline came first.
  public static var timedOut: DcacheError { DcacheError(rawValue: ETIMEDOUT) }
  /// EOPNOTSUPP: the cache has no backend, or the backend no links.
  public static var notSupported: DcacheError { DcacheError(rawValue: EOPNOTSUPP) }
  /// ECANCELED: the task was cancelled, or the one that was asking for all who waited.
  public static var canceled: DcacheError { DcacheError(rawValue: ECANCELED) }
}

extension DcacheError {
  /// ECHILD: a walk in a read section came to where it needs more.
  @usableFromInline
  internal static var askAgain: DcacheError { DcacheError(rawValue: ECHILD) }

  /// The number as C calls take it: what is no `errno` value, 1 to 4095, counts as ``ioError``.
  internal var number: Int32 { (1...MAX_ERRNO).contains(rawValue) ? rawValue : EIO }
}

extension DcacheError: CustomStringConvertible {
  /// The C library's words for it. Calls `strerror_r`.
  public var description: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let text = buffer.baseAddress, strerror_r(rawValue, text, buffer.count) == 0 else {
        return "Unknown error \(rawValue)"
      }
      return String(cString: text)
    }
  }
}
