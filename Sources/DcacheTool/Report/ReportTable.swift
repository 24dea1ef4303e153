// SPDX-License-Identifier: LGPL-2.1-or-later

/// A report for people.
struct ReportTable {
  private let report: ResolveReport

  private static let labelWidth = 26
  private static let columnWidth = 12

  init(_ report: ResolveReport) {
    self.report = report
  }

  /// The lines, each with its end.
  var text: String {
    let lines = [heading, ""] + phaseLines + [""] + treeLines + memoryLines + [""] + explanation
    return lines.map { $0 + "\n" }.joined()
  }

  private var heading: String {
    let name = printable(Array(report.directory.utf8))
    let more = report.truncated ? ", and more that were not read (--max-paths)" : ""
    guard report.paths > 0 else { return "\(name): nothing in it, so nothing to resolve" }
    return "\(name): \(report.paths) paths\(more), \(report.threads) threads"
  }

  // MARK: Phases

  private var phaseLines: [String] {
    [
      row("", \.name.title),
      row("paths", \.paths),
      row("lookups", \.lookups),
      row("names looked up", \.names),
      row("  hits", \.hits),
      row("  backend calls", \.backendCalls),
      row("  saved by waiting", \.savedByWaiting),
      row("negative answers", \.negatives),
      row("errors", \.errors),
      row("entries evicted", \.evicted),
      row("wrong answers", \.wrong),
      row("ns per lookup", \.nsPerLookup),
      row("  the same by stat(2)", \.statNsPerLookup),
      row("elapsed ns per lookup", \.elapsedNsPerLookup),
      row("  the same by stat(2)", \.statElapsedNsPerLookup),
    ]
  }

  private func row<Value>(_ label: String, _ value: KeyPath<PhaseReport, Value>) -> String {
    let cells = report.phases.map { padded(cell($0[keyPath: value]), to: Self.columnWidth) }
    return padded(label, to: -Self.labelWidth) + cells.joined()
  }

  private func cell<Value>(_ value: Value) -> String {
    guard let number = value as? Double else { return "\(value)" }
    guard number > 0 else { return "-" }
    return number < 100 ? "\(number)" : "\(Int(number.rounded()))"
  }

  // MARK: The tree and the memory

  private var treeLines: [String] {
    let counts = [
      ("directories", report.directories), ("symlinks", report.symlinks),
      ("special files", report.special), ("mount points", report.mountPoints),
      ("not UTF-8", report.notUTF8), ("unreadable", report.unreadable),
      ("vanished", report.vanished), ("changed", report.changed),
      ("too long", report.tooLong), ("ambiguous case", report.ambiguousCase),
    ]
    return stride(from: 0, to: counts.count, by: 5).map { start in
      counts[start..<min(start + 5, counts.count)].map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    }
  }

  private var memoryLines: [String] {
    guard report.paths > 0 else { return [] }
    let memory = report.memory
    return [
      "",
      "memory: \(memory.bytesPerEntry) bytes an entry by the cache's own count"
        + " (\(memory.entries) entries, \(memory.bytes) bytes, tables included),",
      "  \(memory.residentBytesPerEntry) by the growth of the process, payloads included;"
        + " the list of paths: \(report.pathListBytes) bytes",
    ]
  }

  private var explanation: [String] {
    [
      "A lookup resolves a whole path: each thread does each, all in the same order. ns: processor time,",
      "the kernel's included; elapsed: by the clock, with waiting for others and for a processor.",
      "stat(2): fstatat of the same path below the same directory, not following links, from as many",
      "threads in the same order; the kernel has all of it cached. In wrong case it finds nothing.",
      "How often a thread waits for another's call depends on how many processors are free.",
    ]
  }
}
