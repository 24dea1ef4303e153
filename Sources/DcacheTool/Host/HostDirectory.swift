// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc

/// A directory of the host and all that is below it.
///
/// It keeps one descriptor, of the top, to which all paths are relative: what is compared with the
/// cache walks the same components as the cache does.
final class HostDirectory: FileSystemView {
  private let descriptor: Int32

  /// Opens the directory. Calls `open`.
  init(path: String) throws(DcacheError) {
    descriptor = Self.retrying { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw DcacheError(rawValue: errno) }
    // It may be readable and still not be allowed to be searched.
    if case .failed(let code) = find(".") { throw DcacheError(rawValue: code) }
  }

  deinit {
    close(descriptor)
  }

  func find(_ path: UnsafePointer<CChar>) -> Finding {
    var status = stat()
    guard fstatat(descriptor, path, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      let code = errno
      return code == ENOENT || code == ENOTDIR ? .absent : .failed(code)
    }
    return .present(
      FileIdentity(
        device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
        type: FileType(mode: status.st_mode)))
  }

  func changeTime(of path: UnsafePointer<CChar>) -> Int64? {
    var status = stat()
    guard fstatat(descriptor, path, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    return status.st_ctim.nanoseconds
  }

  func linkTarget(of path: UnsafePointer<CChar>) -> Result<[UInt8], DcacheError> {
    var length = 0
    var code: Int32 = 0
    let target = [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
      length = buffer.withMemoryRebound(to: CChar.self) {
        readlinkat(descriptor, path, $0.baseAddress.unsafelyUnwrapped, $0.count)
      }
      code = errno
      count = max(length, 0)
    }
    return length < 0 ? .failure(DcacheError(rawValue: code)) : .success(target)
  }

  func forEachName(in path: UnsafePointer<CChar>, _ body: (Span<UInt8>) -> Bool) -> Int32 {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
    let opened = Self.retrying { openat(descriptor, path, flags) }
    guard opened >= 0 else { return errno }
    guard let stream = fdopendir(opened) else {
      let code = errno
      close(opened)
      return code
    }
    defer { closedir(stream) }
    return Self.readNames(of: stream, body)
  }

  private static func readNames(of stream: OpaquePointer, _ body: (Span<UInt8>) -> Bool) -> Int32 {
    while true {
      // Only errno tells the end from an error.
      errno = 0
      guard let entry = readdir(stream) else { return errno }
      guard lendName(of: entry, body) else { return 0 }
    }
  }

  /// Lend the name of a directory entry, which is shorter than its declaration says: it must not be
  /// read as the array that it is declared to be.
  private static func lendName(
    of entry: UnsafeMutablePointer<dirent>, _ body: (Span<UInt8>) -> Bool
  ) -> Bool {
    let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
    let name = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: UInt8.self)
    let bytes = UnsafeBufferPointer(start: name, count: strlen(name)).span
    let isDots =
      bytes[0] == UInt8(ascii: ".")
      && (bytes.count == 1 || (bytes.count == 2 && bytes[1] == UInt8(ascii: ".")))
    return isDots || body(bytes)
  }

  private static func retrying(_ call: () -> Int32) -> Int32 {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }
}

extension timespec {
  /// The same in nanoseconds.
  var nanoseconds: Int64 { Int64(tv_sec) * 1_000_000_000 + Int64(tv_nsec) }
}
