// SPDX-License-Identifier: LGPL-2.1-or-later

public import CDcache
import Glibc

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

extension DentryName where Self: ~Escapable {
  /// A copy that lasts.
  internal var bytesOfName: [UInt8] {
    withNameBytes { bytes in bytes.withUnsafeBytes { Array($0) } }
  }
}

extension AsyncDirectoryBackend {
  internal func lookUp(
    _ name: [UInt8], in directory: Payload
  ) async throws(DcacheError) -> LookupAnswer<Payload> {
    try await lookup(name.span, in: directory)
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

/// A table of operations that C keeps a pointer to. Allocated once and never freed: it must outlive
/// every instance.
internal func makeTable<Operations>(_ operations: Operations) -> UnsafePointer<Operations> {
  let table = UnsafeMutablePointer<Operations>.allocate(capacity: 1)
  table.initialize(to: operations)
  return UnsafePointer(table)
}

// The tables are `nonisolated(unsafe)`, since they are not changed after their initialisation, which
// Swift does once.

/// Operations of every inode that the module makes in a cache without a backend. The private pointer is
/// a retained payload.
nonisolated(unsafe) private let inodeOperations = {
  var operations = inode_operations()
  // Runs in the instance's own thread after a grace period: nobody can read the pointer any more.
  operations.release = { inode in
    guard let payload = inode_private(inode) else { return }
    Unmanaged<AnyObject>.fromOpaque(payload).release()
  }
  return makeTable(operations)
}()

/// The same in a cache with a backend, which its instance's private pointer is.
nonisolated(unsafe) private let askingInodeOperations = {
  var operations = inodeOperations.pointee
  operations.lookup = { directory, entry, _ in
    guard let directory, let entry else { return nil }
    return BackendBridge.with(inode_dcache(directory)) { $0.lookup(directory, entry) }
  }
  operations.get_link = { link, buffer, size, flags in
    guard let link else { return -EINVAL }
    return BackendBridge.with(inode_dcache(link)) { backend in
      backend.linkTarget(
        link, UnsafeMutableRawBufferPointer(start: buffer, count: size), flags & LOOKUP_RCU != 0)
    }
  }
  return makeTable(operations)
}()

/// The operations of new inodes of an instance.
internal func inodeOperations(in instance: OpaquePointer) -> UnsafePointer<inode_operations> {
  dcache_private(instance) == nil ? inodeOperations : askingInodeOperations
}

/// Among the flags of `d_revalidate`, where it is the program's own: the backend has said already that the
/// entry is not true.
internal let knownUntrue: UInt32 = 1

/// Asks the backend about an entry before it is used.
private func revalidate(_ entry: OpaquePointer?, _ flags: UInt32) -> Int32 {
  if flags & knownUntrue != 0 { return 0 }
  guard let entry, flags & LOOKUP_RCU == 0 else { return -ECHILD }
  return BackendBridge.with(d_dcache(entry)) { $0.revalidate?(entry) ?? 1 }
}

/// Operations of case-insensitive directories, the same as `casefold_dentry_operations`, of which
/// Swift would pass a copy.
nonisolated(unsafe) private let casefoldOperations = {
  var operations = dentry_operations()
  operations.d_hash = casefold_d_hash
  operations.d_compare = casefold_d_compare
  return makeTable(operations)
}()

nonisolated(unsafe) private let revalidatingOperations = {
  var operations = dentry_operations()
  operations.d_revalidate = { revalidate($0, $1) }
  return makeTable(operations)
}()

nonisolated(unsafe) private let revalidatingCasefoldOperations = {
  var operations = casefoldOperations.pointee
  operations.d_revalidate = { revalidate($0, $1) }
  return makeTable(operations)
}()

extension NameMatching {
  /// The operations of an entry whose names are so compared, in an instance with this backend.
  internal func operations(with backend: BackendBridge?) -> UnsafePointer<dentry_operations>? {
    let isAsked = backend?.revalidate != nil
    return switch self {
    case .exact: isAsked ? revalidatingOperations : nil
    case .caseInsensitive: isAsked ? revalidatingCasefoldOperations : casefoldOperations
    }
  }

  /// Give an entry that has no children yet its operations. Calls `d_set_d_op`.
  internal func apply(to entry: OpaquePointer) {
    guard dcache_private(d_dcache(entry)) != nil else {
      return d_set_d_op(entry, operations(with: nil))
    }
    BackendBridge.with(d_dcache(entry)) { d_set_d_op(entry, operations(with: $0)) }
  }
}
