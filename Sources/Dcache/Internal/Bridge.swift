// SPDX-License-Identifier: LGPL-2.1-or-later

public import CDcache

// The bridge to C: error pointers, names, and the tables of operations. `struct dcache`,
// `struct dentry` and `struct inode` are opaque to C programs, hence `OpaquePointer` here.

/// The pointer, or the error that it carries. The library returns no NULL where this is used.
@inlinable
internal func pointer(_ result: OpaquePointer?) throws(DcacheError) -> OpaquePointer {
  if let error = error(in: result) { throw error }
  return result.unsafelyUnwrapped
}

/// The error that a pointer carries, if it does. Calls `IS_ERR` and `PTR_ERR`.
@inlinable
internal func error(in result: OpaquePointer?) -> DcacheError? {
  IS_ERR(UnsafeRawPointer(result))
    ? DcacheError(rawValue: Int32(-PTR_ERR(UnsafeRawPointer(result)))) : nil
}

/// Throw what a call that returns 0 or a negative errno value says.
@inlinable
internal func check(_ status: Int32) throws(DcacheError) {
  if status < 0 { throw DcacheError(rawValue: -status) }
}

extension DentryName where Self: ~Escapable {
  /// The name as the C calls take it: borrowed, its hash left to the library.
  @inlinable
  internal func withQstr<Result: ~Copyable, Failure: Error>(
    _ body: (UnsafePointer<qstr>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withNameBytes { bytes throws(Failure) in
      try bytes.withUnsafeBytes { buffer throws(Failure) in
        // The C call sees at most `count` bytes, for the time of the call.
        var name = qstr_init(
          buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
        return try body(&name)
      }
    }
  }
}

extension qstr {
  /// Is it `.` or `..`, for which a cache has no entries?
  @usableFromInline
  internal var isDots: Bool {
    guard let name, len == 1 || len == 2 else { return false }
    let dot = CChar(UInt8(ascii: "."))
    return name[0] == dot && (len == 1 || name[1] == dot)
  }
}

/// Operations of every inode that the module makes. The private pointer is a retained payload.
///
/// Allocated once and never freed: it must outlive every instance. `nonisolated(unsafe)`, since it is
/// not changed after its initialisation, which Swift does once.
nonisolated(unsafe) internal let inodeOperations: UnsafePointer<inode_operations> = {
  var operations = inode_operations()
  // Runs in the instance's own thread after a grace period: nobody can read the pointer any more.
  operations.release = { inode in
    guard let payload = inode_private(inode) else { return }
    Unmanaged<AnyObject>.fromOpaque(payload).release()
  }
  let table = UnsafeMutablePointer<inode_operations>.allocate(capacity: 1)
  table.initialize(to: operations)
  return UnsafePointer(table)
}()

/// Operations of case-insensitive directories, the same as `casefold_dentry_operations`, of which
/// Swift would pass a copy. Allocated and shared as ``inodeOperations``.
nonisolated(unsafe) private let casefoldOperations: UnsafePointer<dentry_operations> = {
  var operations = dentry_operations()
  operations.d_hash = casefold_d_hash
  operations.d_compare = casefold_d_compare
  let table = UnsafeMutablePointer<dentry_operations>.allocate(capacity: 1)
  table.initialize(to: operations)
  return UnsafePointer(table)
}()

extension NameMatching {
  internal var operations: UnsafePointer<dentry_operations>? {
    switch self {
    case .exact: nil
    case .caseInsensitive: casefoldOperations
    }
  }
}
