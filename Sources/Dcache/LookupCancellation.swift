// SPDX-License-Identifier: LGPL-2.1-or-later

/// What becomes of a lookup whose owner, a task that is asking a backend, is cancelled or has come to its
/// deadline.
///
/// Either way those who wait for it go on at once, whether the backend heeds the cancellation or not.
public enum LookupCancellation: Sendable, Hashable {
  /// One of those who wait becomes the owner, and asks the backend in its turn.
  case handOver

  /// All who wait get the owner's error: ``DcacheError/canceled`` or ``DcacheError/timedOut``.
  case fail
}

extension InLookup {
  /// End a lookup whose owner stops for `error`.
  internal consuming func end(_ cancellation: LookupCancellation, _ error: DcacheError) {
    switch cancellation {
    case .handOver: abandon()
    case .fail: fail(error)
    }
  }
}
