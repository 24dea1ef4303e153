// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcacheHost
import Dcache
import Glibc

/// The directory that is the root, and how it is reached by calls of the host.
///
/// Paths of nodes lead there from the root without links. Paths of callers are the host's to resolve:
/// links lead where they do for everybody, or stay below a root that is not the host's.
final class HostPlace: Sendable {
  let top: HostDirectory
  let isHostRoot: Bool
  /// Where the root is for calls that take no descriptor.
  private let prefix: [UInt8]

  init(root: String) throws(DcacheError) {
    top = try HostDirectory(path: root)
    let status = try top.status(of: ".").get()
    let host = try top.status(of: "/").get()
    isHostRoot = status.inode == host.inode && status.device == host.device
    // It stays the same directory, however it is renamed.
    prefix = Array((isHostRoot ? "/" : "/proc/self/fd/\(top.descriptor)/").utf8)
  }

  /// Lend the path of a node as any call takes it.
  func withCPath<Result>(_ path: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    // Of the root itself, the descriptor may be a link: what follows the last `/` is `.`.
    let whole = prefix + (path.isEmpty ? [UInt8(ascii: ".")] : path)
    return whole.withCPath(body)
  }
}

// MARK: - What the host says of a caller's path

extension HostPlace {
  /// As `stat(2)` or `lstat(2)`.
  func status(
    ofCallersPath path: Span<UInt8>, followingSymlinks: Bool
  ) throws(DcacheError) -> FileStatus {
    if isHostRoot {
      return try path.withCPath {
        top.status(of: $0, followingSymlinks: followingSymlinks)
      }.get()
    }
    let descriptor = try open(path, host_o_path | (followingSymlinks ? 0 : O_NOFOLLOW))
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw DcacheError(rawValue: errno) }
    return FileStatus(status)
  }

  /// As `realpath(3)`, from the root.
  func realpath(ofCallersPath path: Span<UInt8>) throws(DcacheError) -> [UInt8] {
    let descriptor = try open(path, host_o_path)
    defer { close(descriptor) }
    let whole = try Self.path(of: descriptor)
    if isHostRoot { return whole }
    let root = try Self.path(of: top.descriptor)
    guard whole.starts(with: root), whole.count > root.count else { return [slash] }
    return Array(whole[root.count...])
  }

  /// As `readlink(2)`.
  func linkTarget(ofCallersPath path: Span<UInt8>) throws(DcacheError) -> [UInt8] {
    if isHostRoot { return try path.withCPath { top.linkTarget(of: $0) }.get() }
    let descriptor = try open(path, host_o_path | O_NOFOLLOW)
    defer { close(descriptor) }
    return try HostDirectory.linkTarget(of: "", from: descriptor).get()
  }

  func listing(ofCallersPath path: Span<UInt8>) throws(DcacheError) -> Listing {
    let descriptor = try open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK)
    return try Self.read { HostDirectory.forEachEntry(consuming: descriptor, $0) }
  }

  /// Of a node's path.
  func listing(of path: [UInt8]) throws(DcacheError) -> Listing {
    try Self.read { body in path.withCPath { top.forEachEntry(in: $0, body) } }
  }

  private static func read(
    _ each: ((Span<UInt8>, FileKind) -> Bool) -> Int32
  ) throws(DcacheError) -> Listing {
    var entries: [DirectoryEntry] = []
    let code = each { name, kind in
      entries.append(DirectoryEntry(nameBytes: name.copied(), kind: kind))
      return true
    }
    guard code == 0 else { throw DcacheError(rawValue: code) }
    return Listing(entries)
  }

  private func open(_ path: Span<UInt8>, _ flags: Int32) throws(DcacheError) -> Int32 {
    let result = path.withCPath { path in
      while true {
        let opened =
          isHostRoot
          ? Glibc.open(path, flags | O_CLOEXEC)
          : host_open_in_root(top.descriptor, path, flags | O_CLOEXEC)
        let error = opened >= 0 ? 0 : isHostRoot ? errno : -opened
        // EAGAIN: the root's openat2 saw a rename and cannot tell.
        if error != EINTR && (isHostRoot || error != EAGAIN) { return opened < 0 ? -error : opened }
      }
    }
    guard result >= 0 else { throw DcacheError(rawValue: -result) }
    return result
  }

  private static func path(of descriptor: Int32) throws(DcacheError) -> [UInt8] {
    try Array("/proc/self/fd/\(descriptor)".utf8).withCPath {
      HostDirectory.linkTarget(of: $0, from: AT_FDCWD)
    }.get()
  }
}
