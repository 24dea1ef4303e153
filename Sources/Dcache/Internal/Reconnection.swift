// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache
import Glibc

/// The closures of a `reconnect` that is under way, where the operations find them: `d_reconnect` calls
/// them in the thread that called it, and has no pointer to hand on.
internal struct Reconnection {
  /// As `get_parent` of `struct export_operations`.
  let parent: (_ child: OpaquePointer) -> OpaquePointer?

  /// As `get_name` of it.
  let name:
    (_ child: OpaquePointer, _ parent: OpaquePointer, _ buffer: UnsafeMutablePointer<CChar>) ->
      Int32

  /// Calls `d_reconnect`.
  func run(_ entry: OpaquePointer) -> Int32 {
    guard let key = Self.key else { return -ENOMEM }
    return withUnsafePointer(to: self) { this in
      // A closure may reconnect something else.
      let outer = pthread_getspecific(key)
      let status = pthread_setspecific(key, this)
      guard status == 0 else { return -status }
      defer { pthread_setspecific(key, outer) }
      return d_reconnect(entry, Self.operations)
    }
  }

  /// A name as `get_name` gives it.
  static func copy(_ name: [UInt8], to buffer: UnsafeMutablePointer<CChar>) -> Int32 {
    guard name.count <= Int(DCACHE_NAME_MAX) else { return -ENAMETOOLONG }
    for (index, byte) in name.enumerated() { buffer[index] = CChar(bitPattern: byte) }
    buffer[name.count] = 0
    return Int32(name.count)
  }

  /// Where each thread keeps its own; nil if the process has no more such keys.
  private static let key: pthread_key_t? = {
    var key = pthread_key_t()
    return pthread_key_create(&key, nil) == 0 ? key : nil
  }()

  private static var current: Reconnection? {
    key.flatMap { pthread_getspecific($0) }?.assumingMemoryBound(to: Reconnection.self).pointee
  }

  /// Allocated once and never changed nor freed, hence `nonisolated(unsafe)`.
  nonisolated(unsafe) private static let operations = {
    var operations = export_operations()
    operations.get_parent = { child in
      guard let child, let current else { return OpaquePointer(ERR_PTR(-Int(EINVAL))) }
      return current.parent(child)
    }
    operations.get_name = { parent, child, buffer in
      guard let parent, let child, let buffer, let current else { return -EINVAL }
      return current.name(child, parent, buffer)
    }
    return makeTable(operations)
  }()
}
