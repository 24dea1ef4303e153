// SPDX-License-Identifier: LGPL-2.1-or-later

import FoundationEssentials
import Testing

@testable import DcacheTool

/// The command itself, as its users run it.
@Suite("dcache headers")
struct HeadersCommandTests {
  private func report(_ arguments: String) throws -> HeaderReport {
    let result = dcache("headers --json \(arguments)")
    #expect(result.status == 0)
    #expect(result.errors == "")
    return try JSONDecoder().decode(HeaderReport.self, from: Data(result.output.utf8))
  }

  @Test("made headers")
  func made() throws {
    let report = try report("--directories 20 --files 30 --tasks 3")
    #expect(report.tasks == 3)
    #expect(report.found == 30)
    #expect(report.paths > 100)
    #expect(report.wrongAnswers == 0)
    #expect(report.watches >= 20)
    #expect(report.bytes > 0)
    #expect(
      report.phases.map(\.name) == [
        .stat, .strictCold, .strictWarm, .relaxedCold, .relaxedWarm, .tasksCold, .tasksWarm,
      ])
    for phase in report.phases { #expect(phase.lookups == report.paths * 3) }
    #expect(report.phases[0].asked == report.paths * 3)
    // Directories are asked about, watched, and listed after some misses: much less than each path.
    #expect(report.phases[1].asked < report.paths)
    #expect(report.phases[1].polls == report.paths * 3)
    #expect(report.phases[3].polls == 0)
    #expect(report.phases[5].asked < report.paths)
  }

  @Test("a trace")
  func trace() throws {
    let tree = TemporaryTree()
    tree.directory("d")
    tree.file("d/f", "trace")
    let paths = ["d/f", "d/g", "e/f", "/usr", "/absent"].map {
      $0.hasPrefix("/") ? $0 : "\(tree.path)/\($0)"
    }
    let text = paths.joined(separator: "\n") + "\n\n"
    try Data(text.utf8).write(to: URL(filePath: "\(tree.path)/trace"))
    let report = try report("--trace '\(tree.path)/trace' --tasks 1")
    #expect(report.paths == 5)
    #expect(report.found == 2)
    #expect(report.wrongAnswers == 0)
    let table = dcache("headers --trace '\(tree.path)/trace' --tasks 1").output
    #expect(table.hasPrefix("1 tasks, 5 paths each: 2 found, 3 missing\n"))
    #expect(table.contains("0 wrong answers"))
  }

  @Test("what cannot be done")
  func failures() {
    let tree = TemporaryTree()
    #expect(dcache("headers --trace '\(tree.path)/absent'").status == 3)
    #expect(dcache("headers --tasks 0").status == 64)
    #expect(dcache("headers --directories 0").status == 64)
    #expect(dcache("headers --files 0").status == 64)
    let refused = shell("TMPDIR='\(tree.path)/absent' '\(pathOfDcache())' headers")
    #expect(refused.status == 4)
    #expect(refused.errors.hasPrefix("dcache: cannot make the headers"))
  }

  @Test("nothing is left behind")
  func tidy() {
    let tree = TemporaryTree()
    #expect(
      shell(
        "TMPDIR='\(tree.path)' '\(pathOfDcache())' headers --directories 3 --files 4 --tasks 2"
      ).status == 0)
    #expect(shell("ls -A '\(tree.path)'").output == "")
  }
}
