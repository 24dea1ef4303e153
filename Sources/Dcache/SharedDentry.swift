// SPDX-License-Identifier: LGPL-2.1-or-later

/// One reference to an entry behind a class: for collections, closures, and other places that copy.
///
///     var open: [SharedDentry<File>] = []
///     open.append(SharedDentry(entry))
///     print(open[0].dentry.path)
///
/// Copies share the one reference, which is given back when the last of them goes. Two are equal if
/// they refer to the same entry.
public final class SharedDentry<Payload: AnyObject & Sendable>: Sendable {
  /// The entry.
  public let dentry: Dentry<Payload>

  /// Takes over the reference.
  public init(_ dentry: consuming Dentry<Payload>) {
    self.dentry = dentry
  }
}

extension SharedDentry: Hashable {
  /// Are they references to the same entry?
  public static func == (lhs: SharedDentry, rhs: SharedDentry) -> Bool {
    lhs.dentry == rhs.dentry
  }

  /// By the entry's identity, not its name, which may change.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(dentry.raw)
  }
}
