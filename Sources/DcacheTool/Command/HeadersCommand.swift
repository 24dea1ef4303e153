// SPDX-License-Identifier: LGPL-2.1-or-later

import ArgumentParser
import Dcache
import DcacheFileSystem
import Glibc

/// `dcache headers`.
struct HeadersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "headers",
    abstract:
      "Search headers in include directories as compilers do, by CachedFileSystem and by stat.",
    discussion: HeadersHelp.discussion)

  @Option(help: ArgumentHelp("Include directories to make.", valueName: "count"))
  var directories = 1000

  @Option(help: ArgumentHelp("Headers to make, each in one of them.", valueName: "count"))
  var files = 100

  @Option(help: ArgumentHelp("How many search at once, 1 to 1024.", valueName: "count"))
  var tasks = 8

  @Option(
    help: ArgumentHelp(
      "Ask for the paths in this file, a line each, instead of making any.", valueName: "file"))
  var trace: String?

  @Flag(help: "Write one JSON object instead of the table.")
  var json = false

  func validate() throws {
    guard (1...1024).contains(tasks) else { throw ValidationError("--tasks must be 1 to 1024.") }
    guard (1...100_000).contains(directories), (1...100_000).contains(files) else {
      throw ValidationError("--directories and --files must be 1 to 100000.")
    }
  }

  func run() async throws {
    Interruption.watch()
    let made = trace == nil ? try makeHeaders() : nil
    defer { made?.remove() }
    let report: HeaderReport
    do throws(DcacheError) {
      let trace = if let made { made.trace } else { try HeaderTrace(file: trace ?? "") }
      report = try await HeaderJob(trace: trace, tasks: tasks).run()
    } catch {
      if Interruption.isRequested { throw ExitStatus.interrupted.because("interrupted") }
      throw self.trace.map { HostDirectory.cannotRead($0, error) }
        ?? ExitStatus.noResources.because("no cache, or not as many threads: \(error)")
    }
    try StandardStream.output.show(json ? try report.json() + "\n" : HeaderTable(report).text)
    if report.wrongAnswers > 0 {
      throw ExitStatus.wrongAnswer.because("\(report.wrongAnswers) wrong answers")
    }
  }

  private func makeHeaders() throws -> GeneratedHeaders {
    do throws(DcacheError) {
      return try GeneratedHeaders(directories: directories, files: files)
    } catch {
      throw ExitStatus.noResources.because("cannot make the headers: \(error)")
    }
  }
}
