// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem

/// All that `dcache resolve` does between its options and its report.
struct ResolveJob {
  /// The truth.
  let host: any FileSystemView
  /// What the cache is told about: the host, or in tests something that pretends to be it.
  let source: any FileSystemView
  let settings: ResolveSettings
  let progress: ProgressBar
  let notes: Notes
  /// The cache's counters when all was resolved.
  private(set) var statistics = CacheStatistics()

  init(
    host: any FileSystemView, source: any FileSystemView, settings: ResolveSettings,
    progress: ProgressBar, notes: Notes
  ) {
    self.host = host
    self.source = source
    self.settings = settings
    self.progress = progress
    self.notes = notes
  }

  /// Read the tree, resolve its paths in all phases, and say what came of it.
  mutating func run() throws(ResolveFailure) -> ResolveReport {
    defer { progress.clear() }
    let began = Checker.now()
    let survey = try readTree()
    let tree = survey.tree
    let checker = Checker(host: host, tree: tree, began: began, notes: notes)
    let phases = try prepare(tree)
    var report = ResolveReport(settings: settings, survey: survey)
    let residentBefore = ResidentMemory.bytes
    let runner = PhaseRunner(
      cache: try makeCache(for: tree), host: host, source: source, checker: checker,
      threads: settings.threads, progress: progress)
    for probes in phases {
      report.phases.append(try runner.run(probes))
      if probes.phase == .cold {
        report.memory = MemoryReport(
          runner.cache.statistics, residentGrowth: ResidentMemory.bytes - residentBefore)
      }
    }
    report.take(from: checker)
    statistics = runner.cache.statistics
    return report
  }

  private func readTree() throws(ResolveFailure) -> Survey {
    progress.setLabel("reading the tree, paths")
    progress.begin(total: 0)
    var survey = Survey(of: host, maxPaths: settings.maxPaths, notes: notes)
    var known = 0
    let code = survey.run { count in
      progress.advance(by: count - known)
      known = count
    }
    guard code == 0 else { throw .unreadable(DcacheError(rawValue: code)) }
    if Interruption.isRequested { throw .interrupted }
    return survey
  }

  /// What is resolved in each phase.
  private func prepare(_ tree: PathTree) throws(ResolveFailure) -> [ProbeSet] {
    progress.setLabel("making up other names")
    progress.begin(total: 2 * tree.count)
    let phases = Phase.allCases.map {
      ProbeSet($0, of: tree, on: host, progress: progress)
    }
    if Interruption.isRequested { throw .interrupted }
    let paths = phases.reduce(0) { $0 + $1.count }
    progress.begin(total: paths * 2 * settings.threads)
    return phases
  }

  private func makeCache(for tree: PathTree) throws(ResolveFailure) -> DentryCache<HostFile> {
    let unknown = FileIdentity(device: 0, inode: 0, type: .directory)
    let top = if case .present(let identity) = source.find(".") { identity } else { unknown }
    // A path and a missing name for each.
    let entries = settings.maxEntries > 0 ? settings.maxEntries : 2 * tree.count
    let options = CacheOptions(
      buckets: min(max(entries, 1024), 1 << 30), maxEntries: settings.maxEntries)
    do throws(DcacheError) {
      return try DentryCache(root: HostFile(top), number: top.inode, options: options)
    } catch {
      throw .noResources(error)
    }
  }
}
