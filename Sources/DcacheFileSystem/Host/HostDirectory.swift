// SPDX-License-Identifier: LGPL-2.1-or-later

package import Dcache
package import Glibc

/// A directory of the host and all that is below it.
///
/// It keeps one descriptor, of the top, to which all paths are relative: what is compared with a
/// cache walks the same components as the cache does. Paths end in NUL; the top itself is `.`.
package final class HostDirectory: Sendable {
  package let descriptor: Int32

  /// Opens the directory. Calls `open`.
  package init(path: String) throws(DcacheError) {
    descriptor = Self.retrying { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw DcacheError(rawValue: errno) }
    // It may be readable and still not be allowed to be searched.
    _ = try status(of: ".").get()
  }

  deinit {
    close(descriptor)
  }

  /// Calls `fstatat`.
  package func status(
    of path: UnsafePointer<CChar>, followingSymlinks: Bool = false
  ) -> Result<FileStatus, DcacheError> {
    var status = stat()
    let flags = followingSymlinks ? 0 : AT_SYMLINK_NOFOLLOW
    guard fstatat(descriptor, path, &status, flags) == 0 else {
      return .failure(DcacheError(rawValue: errno))
    }
    return .success(FileStatus(status))
  }

  /// Where a symbolic link leads. Calls `readlinkat`.
  package func linkTarget(of path: UnsafePointer<CChar>) -> Result<[UInt8], DcacheError> {
    Self.linkTarget(of: path, from: descriptor)
  }

  /// The same of a path that is relative to another directory.
  static func linkTarget(
    of path: UnsafePointer<CChar>, from descriptor: Int32
  ) -> Result<[UInt8], DcacheError> {
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

  /// Lend each name in a directory to `body`, without `.` and `..`, until it returns false; `unknown`:
  /// the host does not say. Symbolic links are followed only where they are not the last component,
  /// unless `followingSymlinks` says otherwise. Returns 0, or the `errno` value that ended it.
  package func forEachEntry(
    in path: UnsafePointer<CChar>, followingSymlinks: Bool = false,
    _ body: (Span<UInt8>, FileKind) -> Bool
  ) -> Int32 {
    let follow = followingSymlinks ? 0 : O_NOFOLLOW
    let flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC | follow
    let opened = Self.retrying { openat(descriptor, path, flags) }
    guard opened >= 0 else { return errno }
    return Self.forEachEntry(consuming: opened, body)
  }

  /// The same of a directory that is open for reading, which it closes.
  static func forEachEntry(
    consuming opened: Int32, _ body: (Span<UInt8>, FileKind) -> Bool
  ) -> Int32 {
    guard let stream = fdopendir(opened) else {
      let code = errno
      close(opened)
      return code
    }
    defer { closedir(stream) }
    while true {
      // Only errno tells the end from an error.
      errno = 0
      guard let entry = readdir(stream) else { return errno }
      guard lend(entry, body) else { return 0 }
    }
  }

  /// Lend a directory entry, whose name is shorter than its declaration says: it must not be read as
  /// the array that it is declared to be.
  private static func lend(
    _ entry: UnsafeMutablePointer<dirent>, _ body: (Span<UInt8>, FileKind) -> Bool
  ) -> Bool {
    let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
    let name = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: UInt8.self)
    let bytes = UnsafeBufferPointer(start: name, count: strlen(name)).span
    let isDots =
      bytes[0] == UInt8(ascii: ".")
      && (bytes.count == 1 || (bytes.count == 2 && bytes[1] == UInt8(ascii: ".")))
    // DT_... are the kinds of st_mode, shifted.
    return isDots || body(bytes, FileKind(mode: mode_t(entry.pointee.d_type) << 12))
  }

  static func retrying(_ call: () -> Int32) -> Int32 {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }
}

extension timespec {
  /// The same in nanoseconds.
  package var nanoseconds: Int64 { Int64(tv_sec) * 1_000_000_000 + Int64(tv_nsec) }
}
