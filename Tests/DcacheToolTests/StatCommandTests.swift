// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import FoundationEssentials
import Testing

@testable import DcacheTool

/// The command itself, as its users run it.
@Suite("dcache stat")
struct StatCommandTests {
  private static func makeTree() -> TemporaryTree {
    let tree = TemporaryTree()
    tree.directory("dir")
    tree.file("a", "b", "dir/c")
    return tree
  }

  @Test("every counter")
  func counters() throws {
    let tree = Self.makeTree()
    let result = dcache("stat '\(tree.path)' --json --threads 4")
    #expect(result.status == 0)
    #expect(result.errors == "")
    let report = try JSONDecoder().decode(CounterReport.self, from: Data(result.output.utf8))
    #expect(report.directory == tree.path)
    #expect(report.paths == 4)
    #expect(report.threads == 4)
    #expect(report.maxEntries == 0)
    let counters = report.counters
    // The top, each path, and a missing name for each.
    #expect(counters.entries == 9)
    #expect(counters.negatives == 4)
    // A directory that is kept for what is in it may be among them.
    #expect((7...8).contains(counters.unused))
    #expect(counters.inodes == 5)
    #expect(counters.inLookup == 0)
    #expect(counters.inserted == 8)
    #expect(counters.evicted == 0)
    #expect(counters.renames == 0)
    #expect(counters.overLimit == 0)
    #expect(counters.lookupsStarted >= 8)
    #expect(counters.outcomesShared <= counters.lookupsWaited)
    #expect(counters.overtaken == 0)
    #expect(counters.buckets >= 256)
    #expect(counters.inLookupBuckets >= 16)
    #expect(counters.bytes > 0)
  }

  @Test("the JSON keys are those that --help tells, in alphabetical order")
  func keys() {
    let tree = Self.makeTree()
    let output = dcache("stat '\(tree.path)' --json --threads 1").output
    let keys = output.split(separator: "\n").filter { $0.contains("\" :") }
      .map { line in String(line.split(separator: "\"")[1]) }
    let counters = [
      "buckets", "bytes", "entries", "evicted", "inLookup", "inLookupBuckets", "inodes", "inserted",
      "lookupsStarted", "lookupsWaited", "negatives", "outcomesShared", "overLimit", "overtaken",
      "pendingBytes", "pendingFrees", "pendingPuts", "renames", "resizes", "unused",
    ]
    #expect(keys == ["counters"] + counters + ["directory", "maxEntries", "paths", "threads"])
    let words = StatHelp.discussion.split { !$0.isLetter && !$0.isNumber }.map(String.init)
    for key in keys { #expect(words.contains(key), "\(key)") }
  }

  @Test("the table shows them all")
  func table() throws {
    let tree = Self.makeTree()
    let result = dcache("stat '\(tree.path)' --threads 2")
    #expect(result.status == 0)
    let lines = result.output.split(separator: "\n")
    #expect(lines.first == "\(tree.path): 4 paths, 2 threads")
    let names = Mirror(reflecting: CacheStatistics()).children.count
    #expect(lines.count == 1 + names)
    #expect(lines.dropFirst().allSatisfy { UInt64($0.split(separator: " ").last ?? "") != nil })
    #expect(lines.contains { $0.hasPrefix("entries  ") && $0.hasSuffix(" 9") })
  }

  @Test("a limit is kept")
  func eviction() throws {
    let tree = TemporaryTree()
    for number in 0..<200 { tree.file("file \(number)") }
    let result = dcache("stat --json --threads 2 --max-entries 20 '\(tree.path)'")
    #expect(result.status == 0)
    let report = try JSONDecoder().decode(CounterReport.self, from: Data(result.output.utf8))
    #expect(report.counters.entries <= 20)
    #expect(report.counters.evicted >= 380)
  }

  @Test("what cannot be")
  func failures() {
    let result = dcache("stat /does/not/exist")
    #expect(result.status == 3)
    #expect(result.errors == "dcache: cannot read '/does/not/exist': No such file or directory\n")
    for arguments in ["--threads 0", "--max-entries=-1", "a b"] {
      #expect(dcache("stat \(arguments)").status == 64, "\(arguments)")
    }
    #expect(dcache("stat /etc/apt --threads 1 >/dev/full").status == 4)
  }
}
