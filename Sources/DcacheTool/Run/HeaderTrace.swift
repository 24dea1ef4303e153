// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem
import Glibc

/// Paths in the order in which they are asked for.
struct HeaderTrace: Sendable {
  let paths: [[UInt8]]

  init(paths: [[UInt8]]) {
    self.paths = paths
  }

  /// Those in a file, a line each; empty lines are none.
  init(file: String) throws(DcacheError) {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DcacheError(rawValue: errno) }
    defer { close(descriptor) }
    var lines = LineReader(descriptor: descriptor)
    var paths: [[UInt8]] = []
    while let line = try lines.next() {
      if !line.isEmpty { paths.append(line) }
    }
    self.paths = paths
  }
}

/// Include directories with headers in them, made for one run.
struct GeneratedHeaders {
  let trace: HeaderTrace
  private let top: String
  private let directories: [String]
  private let files: [String]

  init(directories count: Int, files fileCount: Int) throws(DcacheError) {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/dcache-headers-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw DcacheError(rawValue: errno) }
    let top = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let directories = (0..<count).map { "\(top)/lib\($0)/include" }
    // Each in one, spread evenly, and in no order.
    let homes = (0..<fileCount).map { $0 &* 7919 % count }
    let files = homes.enumerated().map { "\(directories[$1])/header\($0).h" }
    self.top = top
    self.directories = directories
    self.files = files
    trace = HeaderTrace(
      paths: homes.enumerated().flatMap { file, home in
        directories[...home].map { Array("\($0)/header\(file).h".utf8) }
      })
    do throws(DcacheError) {
      for directory in directories {
        try Self.check(mkdir(String(directory.dropLast("/include".count)), 0o755))
        try Self.check(mkdir(directory, 0o755))
      }
      for file in files {
        let descriptor = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0o644)
        try Self.check(descriptor)
        close(descriptor)
      }
    } catch {
      remove()
      throw error
    }
  }

  /// Take all of it away again.
  func remove() {
    for file in files { unlink(file) }
    for directory in directories {
      rmdir(directory)
      rmdir(String(directory.dropLast("/include".count)))
    }
    rmdir(top)
  }

  private static func check(_ result: Int32) throws(DcacheError) {
    if result < 0 { throw DcacheError(rawValue: errno) }
  }
}
