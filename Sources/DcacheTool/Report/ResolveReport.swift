// SPDX-License-Identifier: LGPL-2.1-or-later

/// What `dcache resolve` came to, under the names that programs see.
struct ResolveReport: Sendable, Hashable, Codable, JSONReport {
  /// The directory, as it was given.
  var directory = ""
  let threads: Int
  let maxEntries: Int
  /// Paths below the directory.
  let paths: Int
  let directories: Int
  let symlinks: Int
  let special: Int
  let mountPoints: Int
  let notUTF8: Int
  let unreadable: Int
  /// Names gone when they were asked for, and paths that went later.
  private(set) var vanished: Int
  /// Paths that became something else.
  private(set) var changed = 0
  let tooLong: Int
  let ambiguousCase: Int
  /// Was the tree larger than what was read of it?
  let truncated: Bool
  /// What the list of paths takes.
  let pathListBytes: Int
  var memory = MemoryReport()
  var phases: [PhaseReport] = []
  private(set) var wrongAnswers = 0
  /// The first of these.
  private(set) var wrong: [WrongAnswer] = []

  /// A report on which the phases are still to come.
  init(settings: ResolveSettings, survey: Survey) {
    let counts = survey.counts
    threads = settings.threads
    maxEntries = settings.maxEntries
    paths = survey.tree.count
    directories = counts.directories
    symlinks = counts.symlinks
    special = counts.special
    mountPoints = counts.mountPoints
    notUTF8 = counts.notUTF8
    unreadable = counts.unreadable
    vanished = counts.vanished
    tooLong = counts.tooLong
    ambiguousCase = counts.ambiguousCase
    truncated = counts.truncated
    pathListBytes = survey.tree.bytes
  }

  /// Add what was found out in all phases.
  mutating func take(from checker: Checker) {
    vanished += checker.vanished
    changed = checker.changed
    (wrongAnswers, wrong) = checker.wrong
  }
}
