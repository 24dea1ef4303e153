// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache
import Glibc

/// A backend as the operations of entries and inodes call it: the instance's private pointer.
///
/// The cache object owns it, not the instance, which may live longer. Operations that ask a backend are
/// called only from within calls of the cache object, which keep it alive (`withExtendedLifetime`) and
/// take entries of their own instance only; what goes on after its end, in the instance's thread or by
/// entries that are still held, looks nothing up.
internal final class BackendBridge: Sendable {
  /// As `lookup` of `struct inode_operations`.
  let lookup: @Sendable (_ directory: OpaquePointer, _ asked: OpaquePointer) -> OpaquePointer?

  /// As `get_link` of it, of what is at hand only if `isInSection`.
  let linkTarget:
    @Sendable (
      _ link: OpaquePointer, _ buffer: UnsafeMutableRawBufferPointer, _ isInSection: Bool
    ) -> Int32

  /// As `d_revalidate` of `struct dentry_operations`; nil: entries are not asked about.
  let revalidate: (@Sendable (_ entry: OpaquePointer) -> Int32)?

  init<Backend: DirectoryBackend>(_ backend: Backend) {
    lookup = { directory, asked in
      Self.lookUp(in: directory, asked: asked) {
        (name: Span<UInt8>, directory: Backend.Payload, timeToLive: inout Duration?)
          throws(DcacheError) in
        try backend.lookup(name, in: directory, timeToLive: &timeToLive)
      }
    }
    linkTarget = { link, buffer, isInSection in
      Self.copyTarget(
        of: link, to: buffer, isInSection: isInSection, cached: backend.cachedLinkTarget,
        backend.linkTarget)
    }
    guard backend.revalidates else {
      revalidate = nil
      return
    }
    revalidate = { raw in
      do throws(DcacheError) {
        return try Dentry<Backend.Payload>.lend(raw, to: backend.revalidate) ? 1 : 0
      } catch {
        return -error.number
      }
    }
  }

  /// Each call starts a task and sleeps until it has answered.
  init<Backend: AsyncDirectoryBackend>(blocking backend: Backend) {
    lookup = { directory, asked in
      Self.lookUp(in: directory, asked: asked) {
        (name: Span<UInt8>, directory: Backend.Payload, _) throws(DcacheError) in
        let name = name.bytesOfName
        return try waitForTask { () async throws(DcacheError) in
          try await backend.lookup(name.span, in: directory)
        }
      }
    }
    linkTarget = { link, buffer, isInSection in
      Self.copyTarget(
        of: link, to: buffer, isInSection: isInSection, cached: backend.cachedLinkTarget
      ) { (link: Backend.Payload) throws(DcacheError) in
        try waitForTask { () async throws(DcacheError) in try await backend.linkTarget(of: link) }
      }
    }
    guard backend.revalidates else {
      revalidate = nil
      return
    }
    revalidate = { raw in
      dget(raw)
      let entry = SharedDentry<Backend.Payload>(Dentry(consuming: raw))
      do throws(DcacheError) {
        return try waitForTask { () async throws(DcacheError) in
          try await backend.revalidate(entry.dentry)
        } ? 1 : 0
      } catch {
        return -error.number
      }
    }
  }

  /// Lend the bridge of an instance that has one, without counting it.
  static func with<Result>(_ instance: OpaquePointer?, _ body: (BackendBridge) -> Result) -> Result
  {
    Unmanaged<BackendBridge>.fromOpaque(dcache_private(instance).unsafelyUnwrapped)
      ._withUnsafeGuaranteedRef(body)
  }

  /// Ask, and end the lookup with the answer. Returns what the operation does: nil if the answer is the
  /// entry that was asked for.
  private static func lookUp<Payload: AnyObject & Sendable>(
    in directory: OpaquePointer, asked: OpaquePointer,
    _ backend: (Span<UInt8>, Payload, inout Duration?) throws(DcacheError) -> LookupAnswer<Payload>
  ) -> OpaquePointer? {
    do throws(DcacheError) {
      // An entry that is in-lookup keeps its name.
      let name = d_name(asked)
      let bytes = UnsafeBufferPointer(
        start: UnsafeRawPointer(name.name)?.assumingMemoryBound(to: UInt8.self),
        count: Int(name.len))
      var timeToLive: Duration?
      let answer = try backend(bytes.span, payload(of: directory, Payload.self), &timeToLive)
      if let timeToLive { d_set_ttl(asked, timeToLive.rawNanoseconds) }
      // The operation's caller keeps its own reference; that of the token ends with it.
      dget(asked)
      let entry = try answer.end(InLookup(consuming: asked))
      return entry.raw == asked ? nil : entry.take()
    } catch {
      // Ends the lookup if the answer did not.
      return OpaquePointer(ERR_PTR(-Int(error.number)))
    }
  }

  private static func copyTarget<Payload: AnyObject & Sendable>(
    of link: OpaquePointer, to buffer: UnsafeMutableRawBufferPointer, isInSection: Bool,
    cached: (Payload) -> [UInt8]?, _ target: (Payload) throws(DcacheError) -> [UInt8]
  ) -> Int32 {
    let payload = payload(of: link, Payload.self)
    do throws(DcacheError) {
      if let target = cached(payload) {
        return copy(target, to: buffer)
      }
      return isInSection ? -ECHILD : copy(try target(payload), to: buffer)
    } catch {
      return -error.number
    }
  }

  private static func copy(_ target: [UInt8], to buffer: UnsafeMutableRawBufferPointer) -> Int32 {
    guard target.count <= buffer.count else { return -ENAMETOOLONG }
    buffer.copyBytes(from: target)
    return Int32(target.count)
  }

  private static func payload<Payload: AnyObject>(
    of inode: OpaquePointer, _: Payload.Type
  ) -> Payload {
    Unmanaged<Payload>.fromOpaque(inode_private(inode).unsafelyUnwrapped).takeUnretainedValue()
  }
}
