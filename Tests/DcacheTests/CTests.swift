// SPDX-License-Identifier: LGPL-2.1-or-later

import Dispatch
import Glibc
import Testing

/// Every test in `Tests/CDcacheTests`, a case each.
///
/// They drive what belongs to the process as a whole (interleaving points, failing allocations, the
/// count of living ones) and fork, so each runs in a process without Swift's threads and without
/// other tests: the program `CDcacheTests`, which the package manager builds beside this one.
@Suite("C tests", .serialized)
struct CTests {
  @Test("there are some")
  func thereAreSome() throws {
    #expect(try !Self.names().isEmpty)
  }

  @Test("C test", arguments: try CTests.names())
  func run(name: String) async throws {
    // Waits on a thread of Dispatch's: those that run Swift's tasks are few.
    let output = try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(with: Result { try Self.program(name) })
      }
    }
    // The name may be a part of other tests', which are then run too but have cases of their own.
    let passed = output.split(separator: "\n").contains { $0.hasPrefix("ok   \(name) ") }
    #expect(passed, "\(output)")
  }

  private static func names() throws -> [String] {
    try program("-l").split(separator: "\n").map { String($0.prefix { $0 != "\t" }) }
  }

  /// What the program prints, errors too.
  private static func program(_ argument: String) throws(Errno) -> String {
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard readlink("/proc/self/exe", &path, path.count - 1) > 0 else { throw Errno() }
    let directory = String(cString: dirname(&path))
    // Tests crash on purpose. Swift's backtraces of that would be long, and outlive their process.
    let command = "SWIFT_BACKTRACE=enable=no '\(directory)/CDcacheTests' \(argument) 2>&1"
    guard let stream = popen(command, "re") else { throw Errno() }
    var output: [UInt8] = []
    while case let byte = getc(stream), byte != EOF {
      output.append(UInt8(byte))
    }
    pclose(stream)
    return String(decoding: output, as: UTF8.self)
  }

  private struct Errno: Error, CustomStringConvertible {
    let description = String(cString: strerror(errno))
  }
}
