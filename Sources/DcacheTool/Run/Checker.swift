// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem
import Glibc

/// Judges answers that differ from what the host said when the tree was read, and keeps the wrong
/// ones.
///
/// A file may change while the command runs. So the host is asked again before an answer is called
/// wrong: it is, only if the host still says what it said at first, and neither the file nor its
/// directory was touched meanwhile.
final class Checker: Sendable {
  private struct State {
    var wrong: [WrongAnswer] = []
    var wrongCount = 0
    var changed: Set<Int> = []
    var vanished: Set<Int> = []
  }

  /// How many wrong answers are kept.
  static let limit = 10

  private let host: any FileSystemView
  private let tree: PathTree
  private let notes: Notes
  /// When the tree began to be read, by the clock that files are stamped with.
  private let began: Int64
  private let state = Locked(State())

  /// The paths of `tree` are those of `host`, read since `began`: see ``now()``.
  init(host: any FileSystemView, tree: PathTree, began: Int64, notes: Notes) {
    self.host = host
    self.tree = tree
    self.began = began
    self.notes = notes
  }

  /// The time that a file would be stamped with now, in nanoseconds since 1970.
  static func now() -> Int64 {
    Stopwatch.read(CLOCK_REALTIME_COARSE)
  }

  /// Wrong answers so far; of the first ``limit`` of them, what they were.
  var wrong: (count: Int, first: [WrongAnswer]) {
    state.withLock { ($0.wrongCount, $0.wrong) }
  }

  /// Paths that changed so far.
  var changed: Int { state.withLock { $0.changed.count } }

  /// Paths that vanished so far.
  var vanished: Int { state.withLock { $0.vanished.count } }

  /// The cache's answer for the path that `probes` makes from a node is not what was expected; or it
  /// is, and `remark` says what else is wrong with it.
  func judge(_ got: Finding, for node: Int, of probes: ProbeSet, remark: String? = nil) {
    let verdict = verdict(for: node, of: probes)
    guard verdict == .wrong else {
      noteChange(of: node, verdict)
      return
    }
    add(
      WrongAnswer(
        phase: probes.phase, path: printable(probes.path(of: node)),
        expected: "\(probes.expected(of: node))", got: remark.map { "\(got), \($0)" } ?? "\(got)"))
  }

  /// The host says of a path something else than it did at first.
  func hostChanged(_ got: Finding, for node: Int, of probes: ProbeSet) {
    noteChange(of: node, got == .absent ? .vanished : .changed)
  }

  /// Something that is counted is not what it should be.
  func add(_ answer: WrongAnswer) {
    state.withLock { state in
      state.wrongCount += 1
      if state.wrong.count < Self.limit { state.wrong.append(answer) }
    }
  }

  private func verdict(for node: Int, of probes: ProbeSet) -> Verdict {
    // Of a misspelt name the truth is what its stored spelling leads to.
    let path = probes.phase == .missing ? probes.path(of: node) : tree.path(of: node)
    let fresh = path.span.withCPath { host.find($0) }
    if fresh != probes.expected(of: node) { return fresh == .absent ? .vanished : .changed }
    let directory = path.span.extracting(0..<max(path.span.startOfLastComponent - 1, 0))
    let isTouched = wasTouched(directory) || (fresh != .absent && wasTouched(path.span))
    return isTouched ? .changed : .wrong
  }

  /// Has the file changed since the tree began to be read? One that is not there any more has.
  private func wasTouched(_ path: Span<UInt8>) -> Bool {
    guard let time = path.withCPath({ host.changeTime(of: $0) }) else { return true }
    return time >= began
  }

  private func noteChange(of node: Int, _ verdict: Verdict) {
    let isNews = state.withLock { state in
      verdict == .vanished
        ? state.vanished.insert(node).inserted : state.changed.insert(node).inserted
    }
    if isNews { notes.note(tree.path(of: node), verdict == .vanished ? "vanished" : "changed") }
  }
}
