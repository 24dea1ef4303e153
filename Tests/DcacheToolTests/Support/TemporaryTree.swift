// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem
import Glibc

@testable import DcacheTool

/// A directory for one test, removed with all that is in it when the test is over.
final class TemporaryTree {
  /// Its absolute path.
  let path: String

  init() {
    var template = Array("/tmp/dcache-tool-XXXXXX".utf8CString)
    precondition(mkdtemp(&template) != nil)
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    _ = shell("chmod -R u+rwx '\(path)'; rm -rf '\(path)'")
  }

  func directory(_ name: String) { directory(Array(name.utf8)) }

  func directory(_ name: [UInt8]) {
    make(name) { mkdir($0, 0o755) }
  }

  func file(_ names: String...) {
    for name in names { file(Array(name.utf8)) }
  }

  func file(_ name: [UInt8]) {
    make(name) { path in
      let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o644)
      return descriptor < 0 ? -1 : close(descriptor)
    }
  }

  func symlink(_ name: String, to target: String) {
    make(Array(name.utf8)) { Glibc.symlink(target, $0) }
  }

  func remove(_ name: String) {
    unlink("\(path)/\(name)")
  }

  func fifo(_ name: String) {
    make(Array(name.utf8)) { mkfifo($0, 0o644) }
  }

  /// Let so much time pass that what was made until now is older than what is done next.
  func settle() {
    usleep(30_000)
  }

  /// The tree as the command sees it.
  func host() throws -> HostDirectory { try HostDirectory(path: path) }

  private func make(_ name: [UInt8], _ call: (UnsafePointer<CChar>) -> Int32) {
    let whole = Array(path.utf8) + [slash] + name
    precondition(whole.span.withCPath(call) == 0, String(cString: strerror(errno)))
  }
}
