// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc

/// Reads lines of any bytes from a file, each as soon as it is there.
struct LineReader {
  private static let chunk = 64 << 10

  private let descriptor: Int32
  /// Read and not yet given out: from `start` on.
  private var buffer: [UInt8] = []
  private var start = 0
  /// No end of a line before this one.
  private var searched = 0
  private var isAtEnd = false

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// The next line without its end, which the last one may lack; nil if there is none.
  mutating func next() throws(DcacheError) -> [UInt8]? {
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        return take(upTo: end, skipping: 1)
      }
      searched = buffer.count
      if isAtEnd { return start < buffer.count ? take(upTo: buffer.count, skipping: 0) : nil }
      try fill()
    }
  }

  private mutating func take(upTo end: Int, skipping length: Int) -> [UInt8] {
    defer {
      start = end + length
      searched = start
    }
    return Array(buffer[start..<end])
  }

  private mutating func fill() throws(DcacheError) {
    buffer.removeFirst(start)
    searched -= start
    start = 0
    var count = 0
    var code: Int32 = 0
    let descriptor = descriptor
    let bytes = [UInt8](unsafeUninitializedCapacity: Self.chunk) { chunk, filled in
      repeat {
        count = read(descriptor, chunk.baseAddress, chunk.count)
        code = errno
      } while count < 0 && code == EINTR
      filled = max(count, 0)
    }
    guard count >= 0 else { throw DcacheError(rawValue: code) }
    isAtEnd = count == 0
    buffer += bytes
  }
}
