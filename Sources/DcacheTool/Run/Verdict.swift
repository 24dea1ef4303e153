// SPDX-License-Identifier: LGPL-2.1-or-later

/// Why an answer of the cache is not what the host said when the tree was read.
enum Verdict: Sendable, Hashable {
  /// The file has gone since.
  case vanished
  /// The file, or its directory, has changed since.
  case changed
  /// The cache is wrong.
  case wrong
}
