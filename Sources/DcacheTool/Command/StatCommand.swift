// SPDX-License-Identifier: LGPL-2.1-or-later

import ArgumentParser

/// `dcache stat`.
struct StatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stat",
    abstract: "Resolve a directory tree as `resolve` does, and show the cache's counters.",
    discussion: StatHelp.discussion)

  @OptionGroup var tree: TreeOptions

  func run() throws {
    let (report, statistics) = try tree.resolve()
    let counters = CounterReport(report, statistics)
    try StandardStream.output.show(
      tree.json ? try counters.json() + "\n" : CounterTable(counters).text)
    try ResolveCommand.conclude(report)
  }
}
