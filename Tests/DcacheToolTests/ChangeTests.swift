// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc
import Synchronization
import Testing

@testable import DcacheTool

/// Trees that change while they are resolved: nothing of that is a wrong answer.
@Suite("changes")
struct ChangeTests {
  /// Resolve a tree that `change` changes when it has been read and nothing has been resolved yet.
  private func resolve(
    _ tree: TemporaryTree, _ change: @escaping @Sendable (String) -> Void
  ) throws -> ResolveReport {
    let path = tree.path
    let once = Once { change(path) }
    let files = PretendingFiles(host: try tree.host()) { path, _ in
      if path.contains("dcache-missing-") { once.run() }
      return nil
    }
    return try DcacheToolTests.resolve(host: files)
  }

  /// Something that is done the first time it is asked for.
  private final class Once: Sendable {
    private let isDone = Atomic<Bool>(false)
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
      self.body = body
    }

    func run() {
      if !isDone.exchange(true, ordering: .relaxed) { body() }
    }
  }

  private func makeTree() -> TemporaryTree {
    let tree = TemporaryTree()
    tree.directory("dir")
    tree.file("dir/a", "dir/b", "c", "d")
    tree.settle()
    return tree
  }

  @Test("a directory vanishes")
  func vanished() throws {
    let report = try resolve(makeTree()) { path in
      _ = shell("rm -r '\(path)/dir'")
    }
    #expect(report.paths == 5)
    #expect(report.vanished == 3)
    #expect(report.changed == 0)
    #expect(report.wrongAnswers == 0)
    #expect(report.phase(.cold).negatives == 3 * 4)
  }

  @Test("a file is replaced by another")
  func replaced() throws {
    let report = try resolve(makeTree()) { path in
      _ = shell("cd '\(path)' && touch new && mv new c")
    }
    #expect(report.vanished == 0)
    #expect(report.changed == 1)
    #expect(report.wrongAnswers == 0)
  }

  @Test("a directory becomes a file")
  func otherKind() throws {
    let report = try resolve(makeTree()) { path in
      _ = shell("cd '\(path)' && rm -r dir && touch dir")
    }
    #expect(report.vanished == 2)
    #expect(report.changed == 1)
    #expect(report.wrongAnswers == 0)
  }

  @Test("a file comes and goes, and is what it was in the end")
  func cameBack() throws {
    let tree = makeTree()
    let host = try tree.host()
    let path = "\(tree.path)/dir"
    // The cache is told that it is gone, which it was for a moment; its directory shows that.
    let source = PretendingFiles(host: host) { asked, _ in
      guard asked == "dir/a" else { return nil }
      _ = shell("cd '\(path)' && mv a x && mv x a")
      return .absent
    }
    let report = try DcacheToolTests.resolve(host: host, source: source)
    #expect(report.changed == 1)
    #expect(report.wrongAnswers == 0)
  }

  @Test("names that go while they are read, and a directory that must not be")
  func skipped() throws {
    let tree = makeTree()
    let files = PretendingFiles(
      host: try tree.host(),
      finding: { path, _ in
        switch path {
        case "c": .absent
        case "d": .failed(EACCES)
        default: nil
        }
      },
      listing: { path in path == "dir" ? .failure(.init(code: EACCES)) : nil })
    let report = try DcacheToolTests.resolve(host: files)
    #expect(report.paths == 1)
    #expect(report.vanished == 1)
    #expect(report.unreadable == 2)
    #expect(report.wrongAnswers == 0)
  }

  @Test("a top that cannot be read")
  func unreadableTop() throws {
    let files = PretendingFiles(
      host: try makeTree().host(), listing: { _ in .failure(.init(code: EIO)) })
    #expect(throws: ResolveFailure.unreadable(.ioError)) {
      try DcacheToolTests.resolve(host: files)
    }
  }
}
