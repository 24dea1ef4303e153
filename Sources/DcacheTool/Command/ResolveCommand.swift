// SPDX-License-Identifier: LGPL-2.1-or-later

import ArgumentParser
import Dcache
import Glibc

/// `dcache resolve`.
struct ResolveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resolve",
    abstract: "Resolve every path of a directory tree from many threads at once.",
    discussion: ResolveHelp.discussion)

  @Argument(help: "The directory; symbolic links below it are not followed.")
  var directory = "/usr/share"

  @Option(
    help: ArgumentHelp("How many threads, 1 to 1024.", valueName: "count"))
  var threads = Self.defaultThreads

  @Option(
    help: ArgumentHelp("Entries that the cache keeps at most; 0: no limit.", valueName: "count"))
  var maxEntries = 0

  @Option(
    help: ArgumentHelp(
      "Paths to read at most; 0: no limit. A million takes some 0.8 GB with its entries.",
      valueName: "count"))
  var maxPaths = 1_000_000

  @Flag(help: "Write one JSON object instead of the table.")
  var json = false

  @Flag(name: .shortAndLong, help: "Say what was skipped, or changed meanwhile, and why.")
  var verbose = false

  /// Twice as many as there are processors, so that there is always one to wait for.
  private static var defaultThreads: Int {
    min(max(2 * sysconf(Int32(_SC_NPROCESSORS_ONLN)), 4), 64)
  }

  func validate() throws {
    guard (1...1024).contains(threads) else {
      throw ValidationError("--threads must be 1 to 1024.")
    }
    guard maxEntries >= 0, maxPaths >= 0 else {
      throw ValidationError("--max-entries and --max-paths must not be negative.")
    }
  }

  func run() throws {
    Interruption.watch()
    let host = try openDirectory()
    let report = try resolve(host)
    try write(report)
    try Self.conclude(report)
  }

  /// Complain about wrong answers. Throws the exit status if there are any.
  static func conclude(_ report: ResolveReport) throws {
    for answer in report.wrong { complain(about: answer) }
    let more = report.wrongAnswers - report.wrong.count
    if more > 0 { StandardStream.error.print("dcache: and \(more) more wrong answers") }
    if report.wrongAnswers > 0 { throw ExitStatus.wrongAnswer }
  }

  private func openDirectory() throws -> HostDirectory {
    do throws(DcacheError) {
      return try HostDirectory(path: directory)
    } catch {
      throw noDirectory(error)
    }
  }

  private func noDirectory(_ error: DcacheError) -> ExitCode {
    fail("cannot read '\(printable(Array(directory.utf8)))': \(error)")
    return ExitStatus.noDirectory
  }

  private func resolve(_ host: HostDirectory) throws -> ResolveReport {
    let job = ResolveJob(
      host: host, source: host,
      settings: ResolveSettings(threads: threads, maxEntries: maxEntries, maxPaths: maxPaths),
      progress: ProgressBar(isEnabled: StandardStream.error.isTerminal),
      notes: Notes(isVerbose: verbose))
    do throws(ResolveFailure) {
      var report = try job.run()
      report.directory = directory
      return report
    } catch .interrupted {
      fail("interrupted")
      throw ExitStatus.interrupted
    } catch .unreadable(let error) {
      throw noDirectory(error)
    } catch .noResources(let error) {
      fail("no cache, or not as many threads: \(error)")
      throw ExitStatus.noResources
    }
  }

  private func write(_ report: ResolveReport) throws {
    let text = json ? try report.json() + "\n" : ReportTable(report).text
    do throws(DcacheError) {
      try StandardStream.output.write(text)
    } catch {
      fail("standard output: \(error)")
      throw ExitStatus.noResources
    }
  }

  private func fail(_ message: String) {
    StandardStream.error.print("dcache: \(message)")
  }

  private static func complain(about answer: WrongAnswer) {
    StandardStream.error.print(
      "dcache: wrong answer (\(answer.phase.title)): \(answer.path):"
        + " expected \(answer.expected), got \(answer.got)")
  }
}
