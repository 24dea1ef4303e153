// SPDX-License-Identifier: LGPL-2.1-or-later

import ArgumentParser

/// `dcache resolve`.
struct ResolveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resolve",
    abstract: "Resolve every path of a directory tree from many threads at once.",
    discussion: ResolveHelp.discussion)

  @OptionGroup var tree: TreeOptions

  func run() throws {
    let report = try tree.resolve().report
    try StandardStream.output.show(
      tree.json ? try report.json() + "\n" : ReportTable(report).text)
    try Self.conclude(report)
  }

  /// Complain about wrong answers. Throws the exit status if there are any.
  static func conclude(_ report: ResolveReport) throws {
    for answer in report.wrong { complain(about: answer) }
    let more = report.wrongAnswers - report.wrong.count
    if more > 0 { StandardStream.error.print("dcache: and \(more) more wrong answers") }
    if report.wrongAnswers > 0 { throw ExitStatus.wrongAnswer }
  }

  private static func complain(about answer: WrongAnswer) {
    StandardStream.error.print(
      "dcache: wrong answer (\(answer.phase.title)): \(answer.path):"
        + " expected \(answer.expected), got \(answer.got)")
  }
}
