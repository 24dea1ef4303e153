// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc

/// The command line.
struct Options {
  static let allRows = ["calls", "batches", "peers", "cold-name", "cold-names"]

  /// Entries of a table.
  var entries = 1_000_000
  var rounds = 9
  var rows = Set(allRows)
  /// How many threads, and, of an actor, how many tasks.
  var threads = [1, 2, 8]
  /// How many tasks want one cold name.
  var tasks = 1000
  /// How many tasks want a cold name each.
  var names = 10_000

  init(_ arguments: some Sequence<String>) {
    var arguments = arguments.makeIterator()
    while let option = arguments.next() {
      guard let value = arguments.next() else { Self.usage() }
      switch option {
      case "--entries": entries = Self.number(value, from: directorySize)
      case "--rounds": rounds = Self.number(value)
      case "--tasks": tasks = Self.number(value)
      case "--names": names = Self.number(value)
      case "--threads": threads = value.split(separator: ",").map { Self.number(String($0)) }
      case "--rows":
        rows = Set(value.split(separator: ",").map(String.init))
        guard rows.isSubset(of: Self.allRows) else { Self.usage() }
      default: Self.usage()
      }
    }
  }

  private static func number(_ text: String, from lowest: Int = 1) -> Int {
    guard let number = Int(text), lowest...100_000_000 ~= number else { usage() }
    return number
  }

  private static func usage() -> Never {
    fail(
      """
      usage: dcache-benchmarks [--entries N] [--rounds N] [--rows \(allRows.joined(separator: ","))]
             [--threads 1,2,8] [--tasks N] [--names N]
      """, status: 2)
  }
}

/// Say why, and end the program.
func fail(_ reason: String, status: Int32 = 1) -> Never {
  let text = reason + "\n"
  _ = text.utf8CString.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count - 1) }
  exit(status)
}

/// Out of the measured loops' way.
@inline(never)
func wrong(_ what: StaticString = #function, _ line: UInt = #line) -> Never {
  fail("a wrong answer: \(what), line \(line)")
}
