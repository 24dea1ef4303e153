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

  func run() async throws(DcacheError) -> HeaderReport {
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
    try await ask(.strict, .strictCold, .strictWarm, truth.answers, &report)
    try await ask(.relaxed, .relaxedCold, .relaxedWarm, truth.answers, &report)
    try await ask(.strict, .tasksCold, .tasksWarm, truth.answers, &report)
    return report
  }

  /// By a cache: cold, and again.
  private func ask(
    _ mode: CachedFileSystem.Truth, _ cold: HeaderPhase.Name, _ warm: HeaderPhase.Name,
    _ truth: [Bool], _ report: inout HeaderReport
  ) async throws(DcacheError) {
    var options = CachedFileSystem.Options()
    options.truth = mode
    let files: CachedFileSystem
    do throws(FileSystemError) {
      files = try CachedFileSystem(options: options)
    } catch {
      throw error.code
    }
    var before = files.statistics
    for name in [cold, warm] {
      let pass =
        name == .tasksCold || name == .tasksWarm
        ? try await askByTasks(files) : try ask { path in Self.exists(path, files) }
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

  /// All tasks ask for all paths. The answers are one task's.
  private func askByTasks(_ files: CachedFileSystem) async throws(DcacheError) -> Pass {
    if Interruption.isRequested { throw DcacheError(rawValue: EINTR) }
    let (paths, tasks) = (trace.paths, tasks)
    let begin = Stopwatch.read(CLOCK_MONOTONIC)
    let answers = await withTaskGroup(of: [Bool].self) { group in
      for _ in 0..<tasks {
        group.addTask {
          var answers: [Bool] = []
          answers.reserveCapacity(paths.count)
          for path in paths {
            let exists = Interruption.isRequested ? nil : try? await files.exists(path)
            answers.append(exists ?? false)
          }
          return answers
        }
      }
      return await group.reduce(into: []) { $0 = $1 }
    }
    return Pass(answers: answers, elapsed: Stopwatch.read(CLOCK_MONOTONIC) - begin)
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
