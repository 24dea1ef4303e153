// SPDX-License-Identifier: LGPL-2.1-or-later

@testable import DcacheTool

/// Resolve a tree as the command does, with a cache that is told about `source` and checked against
/// `host`.
func resolve(
  host: any FileSystemView, source: (any FileSystemView)? = nil, threads: Int = 4,
  maxEntries: Int = 0, maxPaths: Int = 0
) throws -> ResolveReport {
  var job = ResolveJob(
    host: host, source: source ?? host,
    settings: ResolveSettings(threads: threads, maxEntries: maxEntries, maxPaths: maxPaths),
    progress: ProgressBar(isEnabled: false), notes: Notes(isVerbose: false)
  )
  return try job.run()
}

extension ResolveReport {
  /// The report of one phase.
  func phase(_ phase: Phase) -> PhaseReport {
    guard let report = phases.first(where: { $0.name == phase }) else {
      fatalError("no report of \(phase)")
    }
    return report
  }
}
