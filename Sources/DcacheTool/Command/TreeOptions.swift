// SPDX-License-Identifier: LGPL-2.1-or-later

import ArgumentParser
import Dcache
import DcacheFileSystem
import Glibc

/// Options of the commands that resolve a whole tree.
struct TreeOptions: ParsableArguments {
  @Argument(help: "The directory; symbolic links below it are not followed.")
  var directory = "/usr/share"

  @Option(
    help: ArgumentHelp("How many threads, 1 to 1024.", valueName: "count"))
  var threads = Self.defaultThreads

  @Option(
    help: ArgumentHelp("Entries that the cache keeps at most; 0: no limit.", valueName: "count"))
  var maxEntries = 0

  @Option(
    help: ArgumentHelp(
      "Paths to read at most; 0: no limit. A million takes some 0.8 GB with its entries.",
      valueName: "count"))
  var maxPaths = 1_000_000

  @Flag(help: "Write one JSON object instead of the table.")
  var json = false

  @Flag(name: .shortAndLong, help: "Say what was skipped, or changed meanwhile, and why.")
  var verbose = false

  /// Twice as many as there are processors, so that there is always one to wait for.
  private static var defaultThreads: Int {
    min(max(2 * sysconf(Int32(_SC_NPROCESSORS_ONLN)), 4), 64)
  }

  func validate() throws {
    guard (1...1024).contains(threads) else {
      throw ValidationError("--threads must be 1 to 1024.")
    }
    guard maxEntries >= 0, maxPaths >= 0 else {
      throw ValidationError("--max-entries and --max-paths must not be negative.")
    }
  }

  /// Resolve the tree; what came of it, and the cache's counters at the end. Complains, and throws the
  /// exit status, if it cannot be done.
  func resolve() throws -> (report: ResolveReport, statistics: CacheStatistics) {
    Interruption.watch()
    let host = try HostDirectory.opened(directory)
    var job = ResolveJob(
      host: host, source: host,
      settings: ResolveSettings(threads: threads, maxEntries: maxEntries, maxPaths: maxPaths),
      progress: ProgressBar(isEnabled: StandardStream.error.isTerminal),
      notes: Notes(isVerbose: verbose))
    do throws(ResolveFailure) {
      var report = try job.run()
      report.directory = directory
      return (report, job.statistics)
    } catch .interrupted {
      throw ExitStatus.interrupted.because("interrupted")
    } catch .unreadable(let error) {
      throw HostDirectory.cannotRead(directory, error)
    } catch .noResources(let error) {
      throw ExitStatus.noResources.because("no cache, or not as many threads: \(error)")
    }
  }
}
