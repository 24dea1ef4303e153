// SPDX-License-Identifier: LGPL-2.1-or-later

import FoundationEssentials
import DcacheFileSystem
import Glibc
import Testing

@testable import DcacheTool

/// The command itself, as its users run it.
@Suite("dcache resolve")
struct CommandTests {
  /// A tree with one of everything. 16 paths: 4 directories, 3 links, 1 FIFO.
  private static func makeTree() -> TemporaryTree {
    let tree = TemporaryTree()
    tree.directory("dir")
    tree.directory("dir/below")
    tree.directory("empty")
    tree.directory([0x64, 0xff, 0xfe])
    tree.file("dir/Makefile", "dir/below/ünïcode", "12345", "line\nbreak")
    tree.file(String(repeating: "N", count: 255))
    tree.file([0x64, 0xff, 0xfe, slash, 0x80])
    tree.file("README", "Readme")
    tree.symlink("loop", to: "loop")
    tree.symlink("nowhere", to: "/does/not/exist")
    tree.symlink("dir/up", to: "..")
    tree.fifo("fifo")
    return tree
  }

  @Test("every number of a made-up tree")
  func numbers() throws {
    let tree = Self.makeTree()
    let result = dcache("resolve '\(tree.path)' --json --threads 8")
    #expect(result.status == 0)
    #expect(result.errors == "")
    let report = try JSONDecoder().decode(ResolveReport.self, from: Data(result.output.utf8))
    #expect(report.directory == tree.path)
    #expect(report.threads == 8)
    #expect(report.paths == 16)
    #expect(report.directories == 4)
    #expect(report.symlinks == 3)
    #expect(report.special == 1)
    #expect(report.notUTF8 == 2)
    #expect(report.ambiguousCase == 2)
    #expect(report.mountPoints == 0)
    #expect(report.unreadable == 0)
    #expect(report.vanished == 0)
    #expect(report.changed == 0)
    #expect(report.tooLong == 0)
    #expect(!report.truncated)
    #expect(report.wrongAnswers == 0)
    #expect(report.memory.entries == 17)
    Self.checkPhases(of: report)
  }

  private static func checkPhases(of report: ResolveReport) {
    #expect(report.phases.map(\.name) == [.cold, .warm, .missing, .wrongCase])
    for phase in report.phases {
      #expect(phase.names == phase.hits + phase.backendCalls + phase.savedByWaiting)
      #expect(phase.lookups == phase.paths * 8)
      #expect(phase.negatives == (phase.name == .missing ? 16 * 8 : 0))
      #expect(phase.errors == 0)
      #expect(phase.evicted == 0)
      #expect(phase.wrong == 0)
    }
    // 11 at the top, 4 in a directory of it, 1 in one of that.
    let names = (11 + 4 * 2 + 1 * 3) * 8
    #expect(report.phase(.cold).names == names)
    #expect(report.phase(.cold).backendCalls == 16)
    #expect(report.phase(.warm).names == names)
    #expect(report.phase(.warm).hits == names)
    #expect(report.phase(.missing).backendCalls == 16)
    // Not the two READMEs, "12345", and the one byte that is no letter.
    #expect(report.phase(.wrongCase).paths == 12)
    let wrongCase = report.phase(.wrongCase)
    #expect(wrongCase.backendCalls + wrongCase.savedByWaiting == 12 * 8)
  }

  @Test("the JSON keys are those that --help tells, in alphabetical order")
  func keys() throws {
    let tree = TemporaryTree()
    tree.file("a")
    let output = dcache("resolve '\(tree.path)' --json --threads 1").output
    let keys = output.split(separator: "\n").filter { $0.contains("\" :") }
      .map { line in String(line.split(separator: "\"")[1]) }
    let top = [
      "ambiguousCase", "changed", "directories", "directory", "maxEntries", "memory", "mountPoints",
      "notUTF8", "pathListBytes", "paths", "phases", "special", "symlinks", "threads", "tooLong",
      "truncated", "unreadable", "vanished", "wrong", "wrongAnswers",
    ]
    let memory = ["bytes", "bytesPerEntry", "entries", "residentBytes", "residentBytesPerEntry"]
    let phase = [
      "backendCalls", "elapsedNsPerLookup", "errors", "evicted", "hits", "lookups", "name", "names",
      "negatives", "nsPerLookup", "paths", "savedByWaiting", "statElapsedNsPerLookup",
      "statNsPerLookup", "wrong",
    ]
    let expected =
      top[...5] + memory + top[6...10] + Array(repeating: phase, count: 4).joined() + top[11...]
    #expect(keys == Array(expected))
    let words = ResolveHelp.discussion.split { !$0.isLetter && !$0.isNumber }.map(String.init)
    for key in top + memory + phase { #expect(words.contains(key), "\(key)") }
  }

  @Test("the table")
  func table() {
    let tree = Self.makeTree()
    let result = dcache("resolve '\(tree.path)' --threads 4")
    #expect(result.status == 0)
    #expect(result.output.hasPrefix("\(tree.path): 16 paths, 4 threads\n"))
    #expect(result.output.contains("backend calls"))
    #expect(result.output.contains("not UTF-8 2\n"))
    #expect(!result.errors.contains("\u{1b}"), "a progress bar without a terminal")
  }

  @Test("ways of naming the directory", arguments: [".", "./", "../tree", "../tree//", "../link"])
  func spellings(of directory: String) throws {
    let tree = TemporaryTree()
    tree.directory("tree")
    tree.file("tree/a", "tree/b")
    tree.symlink("link", to: "tree")
    let result = dcache("resolve --json '\(directory)'", in: "\(tree.path)/tree")
    #expect(result.status == 0)
    let report = try JSONDecoder().decode(ResolveReport.self, from: Data(result.output.utf8))
    #expect(report.directory == directory)
    #expect(report.paths == 2)
  }

  @Test("an empty directory")
  func empty() throws {
    let tree = TemporaryTree()
    let table = dcache("resolve '\(tree.path)'")
    #expect(table.status == 0)
    #expect(table.output.hasPrefix("\(tree.path): nothing in it, so nothing to resolve\n"))
    let json = dcache("resolve --json '\(tree.path)'")
    #expect(json.status == 0)
    let report = try JSONDecoder().decode(ResolveReport.self, from: Data(json.output.utf8))
    #expect(report.paths == 0)
    #expect(report.phases.allSatisfy { $0.lookups == 0 && $0.backendCalls == 0 })
  }

  @Test(
    "what is no directory",
    arguments: [
      ("/does/not/exist", "No such file or directory"), ("/etc/passwd", "Not a directory"),
      ("", "No such file or directory"), ("/etc/passwd/x", "Not a directory"),
    ])
  func noDirectory(path: String, message: String) {
    let result = dcache("resolve '\(path)'")
    #expect(result.status == 3)
    #expect(result.output == "")
    #expect(result.errors == "dcache: cannot read '\(path)': \(message)\n")
  }

  @Test("a directory without permission", .disabled(if: geteuid() == 0, "root may read all"))
  func unreadable() throws {
    let tree = TemporaryTree()
    tree.directory("locked")
    tree.file("locked/a", "b")
    chmod("\(tree.path)/locked", 0)
    let below = dcache("resolve --json '\(tree.path)'")
    #expect(below.status == 0)
    let report = try JSONDecoder().decode(ResolveReport.self, from: Data(below.output.utf8))
    #expect(report.paths == 2)
    #expect(report.unreadable == 1)
    let itself = dcache("resolve '\(tree.path)/locked'")
    #expect(itself.status == 3)
    #expect(itself.errors.hasSuffix("Permission denied\n"))
  }

  @Test(
    "usage",
    arguments: [
      "resolve --threads 0", "resolve --threads 1025", "resolve --threads many",
      "resolve --max-entries=-1", "resolve --max-paths=-1", "resolve a b", "resolve --no-such",
      "no",
    ])
  func usage(arguments: String) {
    let result = dcache(arguments)
    #expect(result.status == 64)
    #expect(result.output == "")
    #expect(result.errors.contains("Usage: dcache"))
  }

  @Test("a report that cannot be written")
  func fullDisk() {
    let result = dcache("resolve /etc/apt --threads 1 >/dev/full")
    #expect(result.status == 4)
    #expect(result.errors == "dcache: standard output: No space left on device\n")
  }

  @Test("a small cache evicts and asks again")
  func eviction() throws {
    let tree = TemporaryTree()
    for number in 0..<500 { tree.file("file \(number)") }
    let result = dcache("resolve --json --threads 2 --max-entries 20 '\(tree.path)'")
    #expect(result.status == 0)
    let report = try JSONDecoder().decode(ResolveReport.self, from: Data(result.output.utf8))
    #expect(report.maxEntries == 20)
    #expect(report.wrongAnswers == 0)
    #expect(report.phases.allSatisfy { $0.evicted >= 400 && $0.backendCalls >= 400 })
  }

  @Test("a limit of paths")
  func limit() throws {
    let tree = TemporaryTree()
    tree.directory("a")
    tree.file("b", "c", "a/d")
    let limited = dcache("resolve --json --max-paths 3 '\(tree.path)'")
    #expect(limited.status == 0)
    let report = try JSONDecoder().decode(ResolveReport.self, from: Data(limited.output.utf8))
    #expect(report.paths == 3)
    #expect(report.truncated)
    let table = dcache("resolve --max-paths 3 '\(tree.path)'").output
    #expect(table.contains("3 paths, and more that were not read (--max-paths), "))
  }

  @Test("skipped names are told if asked for")
  func verbose() {
    let tree = TemporaryTree()
    makeDeepDirectory(below: tree.path)
    let result = dcache("resolve --json -v --threads 1 '\(tree.path)'")
    #expect(result.status == 0)
    #expect(result.output.contains("\"tooLong\" : 1,"))
    #expect(result.errors.hasSuffix(": File name too long\n"))
    #expect(dcache("resolve --json --threads 1 '\(tree.path)'").errors == "")
  }

  /// Directories in one another, the path of the last one longer than the host takes.
  private func makeDeepDirectory(below path: String) {
    let name = String(repeating: "d", count: 250)
    var directory = open(path, O_RDONLY | O_DIRECTORY)
    for _ in 0..<17 {
      precondition(mkdirat(directory, name, 0o755) == 0)
      let next = openat(directory, name, O_RDONLY | O_DIRECTORY)
      close(directory)
      directory = next
    }
    close(directory)
  }

  @Test("^C ends it")
  func interruption() {
    let tree = TemporaryTree()
    for number in 0..<2000 { tree.file("file \(number)") }
    // When it has many threads it is at work.
    let result = shell(
      """
      '\(pathOfDcache())' resolve --threads 200 '\(tree.path)' & pid=$!
      while kill -0 $pid && [ $(ls /proc/$pid/task | wc -l) -lt 50 ]; do sleep 0.01; done
      kill -INT $pid
      wait $pid
      """)
    #expect(result.status == 130)
    #expect(result.output == "")
    #expect(result.errors == "dcache: interrupted\n")
  }
}
