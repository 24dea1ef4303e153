// SPDX-License-Identifier: LGPL-2.1-or-later

/// What `dcache headers` came to, under the names that programs see.
struct HeaderReport: Sendable, Hashable, Codable, JSONReport {
  let tasks: Int
  /// That each task asks for.
  let paths: Int
  /// Of these, what there is.
  let found: Int
  var phases: [HeaderPhase] = []
  var wrongAnswers = 0
  /// At most at one time.
  var watches = 0
  /// What the cache takes, payloads not counted.
  var bytes = 0

  init(tasks: Int, paths: Int, found: Int) {
    self.tasks = tasks
    self.paths = paths
    self.found = found
  }
}

/// One way to ask for all paths.
struct HeaderPhase: Sendable, Hashable, Codable {
  enum Name: String, Sendable, Codable {
    case stat
    case strictCold
    case strictWarm
    case relaxedCold
    case relaxedWarm
    case tasksCold
    case tasksWarm
  }

  let name: Name
  /// Of all tasks.
  let lookups: Int
  /// Calls of the host about files, directories and watches.
  let asked: Int
  /// Questions whether anything has changed.
  let polls: Int
  /// By the clock, of all tasks together.
  let elapsedNsPerLookup: Double

  init(name: Name, lookups: Int, asked: Int, polls: Int, elapsed: Int64) {
    self.name = name
    self.lookups = lookups
    self.asked = asked
    self.polls = polls
    let exact = Double(elapsed) / Double(max(lookups, 1))
    elapsedNsPerLookup = (exact * 10).rounded() / 10
  }
}
