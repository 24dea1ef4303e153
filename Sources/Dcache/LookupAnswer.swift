// SPDX-License-Identifier: LGPL-2.1-or-later

/// What a backend answers in ``DentryCache/resolve(parent:name:locking:lookup:)``.
public enum LookupAnswer<Payload: AnyObject & Sendable>: ~Copyable, Sendable {
  /// The name does not exist. This is remembered.
  case absent

  /// It leads to a new object. `matching`: how names are compared in it, if it is a directory; nil:
  /// as the cache's options say.
  case found(Payload, kind: InodeKind, number: UInt64 = 0, matching: NameMatching? = nil)

  /// It leads to an object that may be known under another name; see ``InLookup/splice(_:)``.
  case known(Inode<Payload>)

  /// It is another spelling of `name`, which leads to a new object; see
  /// ``InLookup/addCI(name:_:kind:number:)``.
  case stored(name: [UInt8], Payload, kind: InodeKind, number: UInt64 = 0)

  /// It is another spelling of `name`, which leads to an object that may be known.
  case storedKnown(name: [UInt8], Inode<Payload>)
}
