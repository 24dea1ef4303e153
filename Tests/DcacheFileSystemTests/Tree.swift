// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem
import Glibc
import Testing

/// A directory of one test, and what is done to it behind the cache's back.
final class Tree: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/dcache-fs-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    remove(path)
  }

  /// The whole path of one below.
  func at(_ name: String) -> String { name.isEmpty ? path : "\(path)/\(name)" }

  func make(directory name: String) { done(mkdir(at(name), 0o755), name) }

  func make(link name: String, to target: String) { done(symlink(target, at(name)), name) }

  func make(otherName name: String, of old: String) { done(link(at(old), at(name)), name) }

  func write(_ name: String, _ text: String = "") {
    let file = open(at(name), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o644)
    done(file, name)
    done(Int32(Glibc.write(file, text, text.utf8.count)), name)
    close(file)
  }

  func rename(_ old: String, _ new: String) { done(Glibc.rename(at(old), at(new)), old) }

  func remove(name: String) { done(Glibc.remove(at(name)), name) }

  func setMode(_ name: String, _ mode: mode_t) { done(chmod(at(name), mode), name) }

  private func done(_ result: Int32, _ name: String) {
    precondition(result >= 0, "\(name): \(String(cString: strerror(errno)))")
  }

  /// With all that is in it; links are not followed.
  private func remove(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFDIR, let stream = opendir(path) {
      while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
        }
        if name != ".", name != ".." { remove("\(path)/\(name)") }
      }
      closedir(stream)
    }
    Glibc.remove(path)
  }
}

/// What the host says.
enum Host {
  static func status(_ path: String, followingSymlinks: Bool = true) -> Result<Seen, Code> {
    var status = stat()
    let flags = followingSymlinks ? 0 : AT_SYMLINK_NOFOLLOW
    guard fstatat(AT_FDCWD, path, &status, flags) == 0 else { return .failure(Code(errno)) }
    return .success(
      Seen(
        mode: status.st_mode, size: Int64(status.st_size), inode: UInt64(status.st_ino),
        device: UInt64(status.st_dev), links: UInt64(status.st_nlink), user: status.st_uid,
        group: status.st_gid, specialDevice: UInt64(status.st_rdev),
        modified: [status.st_mtim.tv_sec, status.st_mtim.tv_nsec],
        changed: [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]))
  }

  static func realpath(_ path: String) -> Result<String, Code> {
    guard let found = Glibc.realpath(path, nil) else { return .failure(Code(errno)) }
    defer { free(found) }
    return .success(String(cString: found))
  }
}

/// A value of `errno`.
struct Code: Error, Hashable, CustomStringConvertible {
  let value: Int32

  init(_ value: Int32) { self.value = value }

  var description: String { String(cString: strerror(value)) }
}

/// A status, as the host's calls and the cache's can be compared.
struct Seen: Hashable {
  var mode: mode_t
  var size: Int64
  var inode: UInt64
  var device: UInt64
  var links: UInt64
  var user: UInt32
  var group: UInt32
  var specialDevice: UInt64
  var modified: [Int]
  var changed: [Int]
}

extension CachedFileSystem {
  func seen(_ path: String, followingSymlinks: Bool = true) -> Result<Seen, Code> {
    do throws(FileSystemError) {
      let status = try status(of: path, followingSymlinks: followingSymlinks)
      return .success(
        Seen(
          mode: status.kind.mode | mode_t(status.permissions), size: status.size,
          inode: status.inode, device: status.device, links: status.linkCount, user: status.user,
          group: status.group, specialDevice: status.specialDevice,
          modified: [
            Int(status.modificationTime.seconds), Int(status.modificationTime.nanoseconds),
          ], changed: [Int(status.changeTime.seconds), Int(status.changeTime.nanoseconds)]))
    } catch {
      return .failure(Code(error.code.rawValue))
    }
  }

  func realpathResult(_ path: String) -> Result<String, Code> {
    do throws(FileSystemError) {
      return .success(try realpath(of: path))
    } catch {
      return .failure(Code(error.code.rawValue))
    }
  }

  /// Unless somebody on this machine has mounted something.
  func hasAskedNothing(since before: Statistics) -> Bool {
    let now = statistics
    return (now.asked, now.listed) == (before.asked, before.listed)
      || now.forgotten != before.forgotten
  }

  func names(_ path: String) throws -> [String] { try entries(of: path).map(\.name) }
}

extension FileKind {
  fileprivate var mode: mode_t {
    switch self {
    case .unknown: 0
    case .directory: S_IFDIR
    case .regular: S_IFREG
    case .symlink: S_IFLNK
    case .fifo: S_IFIFO
    case .socket: S_IFSOCK
    case .characterDevice: S_IFCHR
    case .blockDevice: S_IFBLK
    }
  }
}

extension Tree {
  func exchange(_ one: String, _ other: String) {
    rename(one, "between")
    rename(other, one)
    rename("between", other)
  }
}

extension Host {
  static func names(_ path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }

  /// The number in a file.
  static func number(_ path: String) -> Int? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var number = 0
    while case let digit = fgetc(file), isdigit(digit) != 0 {
      number = number * 10 + Int(digit) - 48
    }
    return number
  }
}
