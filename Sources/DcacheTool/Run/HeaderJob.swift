// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem
import Glibc

/// Asks for the paths of a trace in several ways, each from as many threads.
struct HeaderJob {
  private let trace: HeaderTrace
  private let tasks: Int
  private let host: HostDirectory

  /// What one way to ask came to.
  private struct Pass: Sendable {
    var answers: [Bool]
    var elapsed: Int64
  }

  init(trace: HeaderTrace, tasks: Int) throws(DcacheError) {
    self.trace = trace
    self.tasks = tasks
    host = try HostDirectory(path: ".")
  }

  func run() throws(DcacheError) -> HeaderReport {
    let host = host
    let truth = try ask { path in
      path.withCPath { path in
        if case .success = host.status(of: path, followingSymlinks: true) { true } else { false }
      }
    }
    let paths = trace.paths.count
    var report = HeaderReport(
      tasks: tasks, paths: paths, found: truth.answers.count(where: \.self))
    report.phases.append(
      HeaderPhase(
        name: .stat, lookups: paths * tasks, asked: paths * tasks, polls: 0,
        elapsed: truth.elapsed))
    for (mode, names) in [
      (CachedFileSystem.Truth.strict, (HeaderPhase.Name.strictCold, HeaderPhase.Name.strictWarm)),
      (.relaxed, (.relaxedCold, .relaxedWarm)),
    ] {
      try ask(mode, names, truth.answers, &report)
    }
    return report
  }

  /// By a cache: cold, and again.
  private func ask(
    _ mode: CachedFileSystem.Truth, _ names: (HeaderPhase.Name, HeaderPhase.Name),
    _ truth: [Bool], _ report: inout HeaderReport
  ) throws(DcacheError) {
    var options = CachedFileSystem.Options()
    options.truth = mode
    let files: CachedFileSystem
    do throws(FileSystemError) {
      files = try CachedFileSystem(options: options)
    } catch {
      throw error.code
    }
    var before = files.statistics
    for name in [names.0, names.1] {
      let pass = try ask { path in Self.exists(path, files) }
      let after = files.statistics
      let lookups = trace.paths.count * tasks
      report.phases.append(
        HeaderPhase(
          name: name, lookups: lookups, asked: Self.asked(after) - Self.asked(before),
          polls: mode == .strict ? lookups : 0, elapsed: pass.elapsed))
      before = after
      for index in truth.indices where pass.answers[index] != truth[index] {
        // A tree that others change may have changed.
        if isStillWrong(trace.paths[index], files) { report.wrongAnswers += 1 }
      }
    }
    report.watches = max(report.watches, before.watches)
    report.bytes = max(report.bytes, Int(before.cache.bytes))
  }

  private static func asked(_ statistics: CachedFileSystem.Statistics) -> Int {
    statistics.asked + statistics.listed + statistics.passedOn + statistics.watches
  }

  private func isStillWrong(_ path: [UInt8], _ files: CachedFileSystem) -> Bool {
    let truth = path.withCPath { path in
      if case .success = host.status(of: path, followingSymlinks: true) { true } else { false }
    }
    return truth != Self.exists(path, files)
  }

  /// What cannot be told is not there, as compilers see it.
  private static func exists(_ path: [UInt8], _ files: CachedFileSystem) -> Bool {
    (try? files.exists(path)) ?? false
  }

  /// All threads ask for all paths. The answers are the first thread's.
  private func ask(
    _ exists: @escaping @Sendable ([UInt8]) -> Bool
  ) throws(DcacheError) -> Pass {
    if Interruption.isRequested { throw DcacheError(rawValue: EINTR) }
    let paths = trace.paths
    let begin = Stopwatch.read(CLOCK_MONOTONIC)
    let answers = try ThreadTeam.run(tasks) { _ in
      paths.map { !Interruption.isRequested && exists($0) }
    }
    return Pass(answers: answers[0], elapsed: Stopwatch.read(CLOCK_MONOTONIC) - begin)
  }
}
