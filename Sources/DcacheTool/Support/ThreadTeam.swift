// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem

/// Threads that begin together and are waited for.
///
/// They are threads of the host's and not tasks, since lookups sleep.
enum ThreadTeam {
  /// Run `body` in `count` threads, which get 0, 1, … `count` - 1. Returns what each returned, in that
  /// order. Throws if a thread could not be started; `body` is not run then.
  static func run<Result: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) -> Result
  ) throws(DcacheError) -> [Result] {
    let gate = StartGate()
    let results = Locked([Result?](repeating: nil, count: count))
    var threads: [HostThread] = []
    var failure: DcacheError?
    for index in 0..<count where failure == nil {
      do throws(DcacheError) {
        threads.append(
          try HostThread {
            guard gate.wait() else { return }
            let result = body(index)
            results.withLock { $0[index] = result }
          })
      } catch {
        failure = error
      }
    }
    gate.open(failure == nil)
    for thread in threads { thread.join() }
    if let failure { throw failure }
    return results.withLock { $0.compactMap(\.self) }
  }
}
