// SPDX-License-Identifier: LGPL-2.1-or-later

/// The report of `dcache headers` for people.
struct HeaderTable {
  private let report: HeaderReport

  init(_ report: HeaderReport) {
    self.report = report
  }

  /// The lines, each with its end.
  var text: String {
    let heading =
      "\(report.tasks) tasks, \(report.paths) paths each: \(report.found) found,"
      + " \(report.paths - report.found) missing"
    let columns = row("", "lookups", "asked", "polls", "ns per lookup", "of stat's time")
    let rows = report.phases.map { phase in
      row(
        phase.name.title, "\(phase.lookups)", "\(phase.asked)", "\(phase.polls)",
        "\(phase.elapsedNsPerLookup)", ratio(of: phase))
    }
    let end =
      "\(report.wrongAnswers) wrong answers; \(report.watches) watches, \(report.bytes) bytes of cache"
    return ([heading, "", columns] + rows + ["", end]).map { $0 + "\n" }.joined()
  }

  private func row(_ label: String, _ cells: String...) -> String {
    padded(label, to: -20) + cells.map { padded($0, to: 15) }.joined()
  }

  private func ratio(of phase: HeaderPhase) -> String {
    let stat = report.phases.first?.elapsedNsPerLookup ?? 0
    guard stat > 0 else { return "-" }
    return "\((phase.elapsedNsPerLookup / stat * 100).rounded() / 100)"
  }
}

extension HeaderPhase.Name {
  var title: String {
    switch self {
    case .stat: "stat(2)"
    case .strictCold: "strict, cold"
    case .strictWarm: "strict, warm"
    case .relaxedCold: "relaxed, cold"
    case .relaxedWarm: "relaxed, warm"
    case .tasksCold: "Swift's tasks, cold"
    case .tasksWarm: "Swift's tasks, warm"
    }
  }
}
