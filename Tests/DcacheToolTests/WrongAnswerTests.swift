// SPDX-License-Identifier: LGPL-2.1-or-later

import ArgumentParser
import Dcache
import DcacheFileSystem
import Glibc
import Synchronization
import Testing

@testable import DcacheTool

/// A cache that is told lies gives wrong answers, which must be noticed, and nothing else must be.
@Suite("wrong answers")
struct WrongAnswerTests {
  private static func makeTree() -> TemporaryTree {
    let tree = TemporaryTree()
    tree.directory("dir")
    tree.file("dir/File", "other")
    tree.settle()
    return tree
  }

  /// Another answer than the truth.
  private static func lie(_ truth: Finding, _ change: (FileIdentity) -> FileIdentity) -> Finding? {
    guard case .present(let identity) = truth else { return nil }
    return .present(change(identity))
  }

  /// Resolve a tree with a cache that is told `finding` of `dir/File`; in wrong case, too.
  private func resolve(
    _ tree: TemporaryTree, lying finding: @escaping @Sendable (Finding) -> Finding?
  ) throws -> ResolveReport {
    let host = try tree.host()
    let source = PretendingFiles(host: host) { path, truth in
      path == "dir/File" ? finding(truth) : nil
    }
    return try DcacheToolTests.resolve(host: host, source: source)
  }

  @Test("another inode number")
  func inode() throws {
    let report = try resolve(Self.makeTree()) { truth in
      Self.lie(truth) { FileIdentity(device: $0.device, inode: $0.inode + 1, type: $0.type) }
    }
    // Four threads; the misspelt name leads to the entry that is cached.
    #expect(report.phases.map(\.wrong) == [4, 4, 0, 4])
    #expect(report.wrongAnswers == 12)
    #expect(report.wrong.count == 10)
    #expect(report.wrong.first?.path == "dir/File")
    #expect(report.wrong.first?.phase == .cold)
    #expect(report.wrong.last?.path == "dir/fILE")
    #expect(report.changed == 0)
    #expect(throws: ExitCode(1)) { try ResolveCommand.conclude(report) }
  }

  @Test("another device")
  func device() throws {
    let report = try resolve(Self.makeTree()) { truth in
      Self.lie(truth) { FileIdentity(device: $0.device + 1, inode: $0.inode, type: $0.type) }
    }
    #expect(report.phases.map(\.wrong) == [4, 4, 0, 4])
  }

  @Test("another kind")
  func kind() throws {
    let report = try resolve(Self.makeTree()) { truth in
      Self.lie(truth) { FileIdentity(device: $0.device, inode: $0.inode, type: .fifo) }
    }
    #expect(report.phases.map(\.wrong) == [4, 4, 0, 4])
    #expect(report.wrong.first?.expected.hasPrefix("regular file, inode ") == true)
    #expect(report.wrong.first?.got.hasPrefix("FIFO, inode ") == true)
  }

  @Test("a file that does not exist, it says")
  func absent() throws {
    let report = try resolve(Self.makeTree()) { _ in .absent }
    // The misspelling is remembered to be absent, which it must not be: two more.
    #expect(report.phases.map(\.wrong) == [4, 4, 0, 6])
    #expect(report.wrong.first?.got == "nothing")
  }

  @Test("an error")
  func error() throws {
    let report = try resolve(Self.makeTree()) { _ in .failed(EIO) }
    #expect(report.phases.map(\.wrong) == [4, 4, 0, 4])
    #expect(report.phases.map(\.errors) == [4, 4, 0, 4])
    #expect(report.wrong.first?.got == "error: Input/output error")
  }

  @Test("a file that does exist, it says")
  func present() throws {
    let tree = Self.makeTree()
    let host = try tree.host()
    let source = PretendingFiles(host: host) { path, _ in
      path.hasSuffix("missing-0")
        ? .present(FileIdentity(device: 1, inode: 2, type: .regular)) : nil
    }
    let report = try DcacheToolTests.resolve(host: host, source: source)
    #expect(report.phases.map(\.wrong) == [0, 0, 4, 0])
    #expect(report.wrong.first?.expected == "nothing")
    #expect(report.wrong.first?.got == "regular file, inode 2 of device 1")
  }

  @Test("another stored spelling")
  func spelling() throws {
    let tree = Self.makeTree()
    let host = try tree.host()
    let source = PretendingFiles(
      host: host,
      finding: { path, _ in path == "dir/file" ? host.identity(of: "dir/File") : nil },
      listing: { path in path == "dir" ? .success(["file"]) : nil })
    let report = try DcacheToolTests.resolve(host: host, source: source)
    #expect(report.phases.map(\.wrong) == [0, 0, 0, 5])
    let remark = "but not the stored spelling's entry"
    #expect(report.wrong.contains { $0.path == "dir/fILE" && $0.got.hasSuffix(remark) })
    // And the cache has grown by what is no name of the host's.
    #expect(report.wrong.last?.path == "(number of new entries)")
  }

  @Test("no complaint about right answers")
  func right() throws {
    let report = try DcacheToolTests.resolve(host: try Self.makeTree().host())
    #expect(report.phases.map(\.wrong) == [0, 0, 0, 0])
    try ResolveCommand.conclude(report)
  }

  @Test("counters that do not add up", arguments: Phase.allCases)
  func counters(phase: Phase) throws {
    let tree = Self.makeTree()
    let host = try tree.host()
    var survey = Survey(of: host, maxPaths: 0, notes: Notes(isVerbose: false))
    let code = survey.run { _ in }
    #expect(code == 0)
    let checker = Checker(
      host: host, tree: survey.tree, began: Checker.now(), notes: Notes(isVerbose: false))
    let probes = ProbeSet(
      phase, of: survey.tree, on: host, progress: ProgressBar(isEnabled: false))
    let identity = FileIdentity(device: 1, inode: 2, type: .directory)
    let before = try DentryCache(root: HostFile(identity)).statistics
    var after = before
    after.entries += 7
    after.lookupsStarted += 8
    var tally = PassTally()
    tally.counts.backendCalls = 9
    CountCheck(before: before, after: after, tally: tally, probes: probes).run(checker)
    let expected = phase == .cold || phase == .missing ? "3" : "0"
    #expect(checker.wrong.first.allSatisfy { $0.expected == expected })
    #expect(checker.wrong.first.map(\.got) == (phase == .wrongCase ? ["7"] : ["7", "9", "8"]))
    // A cache that evicts may ask again.
    after.evicted = 1
    CountCheck(before: before, after: after, tally: tally, probes: probes).run(checker)
    #expect(checker.wrong.count == (phase == .wrongCase ? 1 : 3))
  }
}

extension HostDirectory {
  /// What has this path.
  func identity(of path: String) -> Finding { path.withCString { find($0) } }
}
