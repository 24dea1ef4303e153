// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem

/// Runs phases: in each, all threads at once resolve all of its paths, on the host and then in the
/// cache.
///
/// All go through the paths in the same order, so that they look for the same names at about the same
/// time. Whoever is ahead in a cold cache has to ask the backend, which is slow; those behind find
/// what it found, catch up, and come to want the name that is just being asked for.
struct PhaseRunner: Sendable {
  let cache: DentryCache<HostFile>
  let host: any FileSystemView
  /// What the cache is told about: the host, or in tests something that pretends to be it.
  let source: any FileSystemView
  let checker: Checker
  let threads: Int
  let progress: ProgressBar

  /// Run a phase and check what can be counted.
  func run(_ probes: ProbeSet) throws(ResolveFailure) -> PhaseReport {
    progress.setLabel(probes.phase.title)
    let backend = Backend(source, anyCase: probes.phase == .wrongCase)
    let wrongBefore = checker.wrong.count
    let hostTally = try inAllThreads { askHost(probes) }
    let before = cache.statistics
    let cacheTally = try inAllThreads { askCache(probes, backend) }
    let after = cache.statistics
    if probes.phase == .wrongCase { checkNotCached(probes) }
    CountCheck(before: before, after: after, tally: cacheTally, probes: probes).run(checker)
    return PhaseReport(
      probes: probes, host: hostTally, cache: cacheTally, before: before, after: after,
      wrong: checker.wrong.count - wrongBefore)
  }

  private func inAllThreads(
    _ pass: @escaping @Sendable () -> PassTally
  ) throws(ResolveFailure) -> PassTally {
    let tallies: [PassTally]
    do throws(DcacheError) {
      tallies = try ThreadTeam.run(threads) { _ in pass() }
    } catch {
      throw .noResources(error)
    }
    if Interruption.isRequested { throw .interrupted }
    return PassTally(of: tallies)
  }

  /// One thread's pass over the paths on the host.
  private func askHost(_ probes: ProbeSet) -> PassTally {
    var tally = PassTally()
    probes.forEachBatch(progress) { batch in
      tally.lookups += batch.count
      batch.withCPaths { paths in
        tally.time.measure {
          for index in 0..<batch.count {
            let found = host.find(paths(index))
            if found != (probes.existsOnHost ? batch.expected[index] : .absent) {
              checker.hostChanged(found, for: batch.nodes[index], of: probes)
            }
          }
        }
      }
    }
    return tally
  }

  /// One thread's pass over the paths in the cache.
  private func askCache(_ probes: ProbeSet, _ backend: Backend) -> PassTally {
    var tally = PassTally()
    var walker = PathWalker(cache, backend)
    probes.forEachBatch(progress) { batch in
      tally.lookups += batch.count
      tally.time.measure {
        if probes.phase == .wrongCase {
          resolveMisspelt(batch, of: probes, &walker)
        } else {
          resolve(batch, of: probes, &walker)
        }
      }
    }
    tally.counts = walker.counts
    return tally
  }

  private func resolve(
    _ batch: borrowing PathBatch, of probes: ProbeSet, _ walker: inout PathWalker
  ) {
    let bytes = batch.bytes.span
    for index in 0..<batch.count {
      let found = walker.find(bytes.extracting(batch.range(of: index)))
      if found != batch.expected[index] {
        checker.judge(found, for: batch.nodes[index], of: probes)
      }
    }
  }

  /// The answer must be the very entry that the stored spelling has.
  private func resolveMisspelt(
    _ batch: borrowing PathBatch, of probes: ProbeSet, _ walker: inout PathWalker
  ) {
    let bytes = batch.bytes.span
    for index in 0..<batch.count {
      let node = batch.nodes[index]
      let (found, isStoredEntry) = probes.tree.withName(of: node) { stored in
        walker.find(bytes.extracting(batch.range(of: index)), storedAs: stored)
      }
      if found != batch.expected[index] {
        checker.judge(found, for: node, of: probes)
      } else if !isStoredEntry {
        checker.judge(found, for: node, of: probes, remark: "but not the stored spelling's entry")
      }
    }
  }

  /// A spelling that is not stored must not have got into the cache.
  private func checkNotCached(_ probes: ProbeSet) {
    let names = CachedNames(cache: cache)
    probes.forEachBatch(ProgressBar(isEnabled: false)) { batch in
      let bytes = batch.bytes.span
      for index in 0..<batch.count
      where names.contains(bytes.extracting(batch.range(of: index))) {
        checker.judge(
          batch.expected[index], for: batch.nodes[index], of: probes,
          remark: "but the misspelling was cached")
      }
    }
  }
}
