// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem
import Glibc
import Synchronization
import Testing

@testable import DcacheTool

/// Threads that want the same names at the same time.
@Suite("races")
struct RaceTests {
  @Test("a slow backend is asked once for each name, and others wait for it")
  func waiting() throws {
    let tree = TemporaryTree()
    for number in 0..<20 { tree.file("file \(number)") }
    let host = try tree.host()
    let asked = Locked<[String: Int]>([:])
    let source = PretendingFiles(host: host) { path, _ in
      asked.withLock { $0[path, default: 0] += 1 }
      usleep(1000)
      return nil
    }
    let report = try resolve(host: host, source: source, threads: 8)
    #expect(report.wrongAnswers == 0)
    let cold = report.phase(.cold)
    #expect(cold.backendCalls == 20)
    #expect(cold.savedByWaiting >= 20)
    #expect(cold.hits == 160 - cold.backendCalls - cold.savedByWaiting)
    let missing = report.phase(.missing)
    #expect(missing.backendCalls == 20)
    #expect(missing.savedByWaiting >= 20)
    // Cold or missing: once each. The top was asked for when the cache was made.
    asked.withLock { asked in
      #expect(asked.filter { $0.key.contains("missing") }.values.allSatisfy { $0 == 1 })
    }
  }

  @Test("a listing is read once for all who need it")
  func listing() throws {
    let tree = TemporaryTree()
    tree.file("File", "Other")
    let reads = Atomic<Int>(0)
    let files = PretendingFiles(
      host: try tree.host(),
      listing: { _ in
        reads.add(1, ordering: .relaxed)
        usleep(5000)
        return nil
      })
    let store = ListingStore(of: files)
    let found = try ThreadTeam.run(8) { _ in
      store.listing(of: []).storedSpelling(of: Array("fILE".utf8).span)
    }
    #expect(found == Array(repeating: Array("File".utf8), count: 8))
    #expect(reads.load(ordering: .relaxed) == 1)
  }

  @Test("a team's threads are together")
  func team() throws {
    let present = Atomic<Int>(0)
    let numbers = try ThreadTeam.run(6) { number in
      present.add(1, ordering: .relaxed)
      while present.load(ordering: .relaxed) < 6 { sched_yield() }
      return number
    }
    #expect(numbers == [0, 1, 2, 3, 4, 5])
  }
}
