// SPDX-License-Identifier: LGPL-2.1-or-later

// Names that are not cached, many tasks, and a backend that is to be asked once for each name: the cache
// beside single flights made of an actor (SingleFlight.swift).
//
// cold-name: all tasks want one name. From when the first is made until the last has the file, with a
// backend that answers at once, or after a sleep of 1 ms. Last ("woken"), the backend answers once all the
// others are waiting: from just before it answers until the last one runs.
//
// cold-names: each task wants a name of its own, of one directory; from when the first is made until the
// last has its file.
//
// The tasks of all subjects are made in the same way, and the backends are the same. Checked: how often the
// backend was asked, and what each task got.

import CBenchmarks
import Synchronization

/// What the backend does before it answers.
private enum Delay: CaseIterable {
  case none, sleep, untilAllWait

  var name: String {
    switch self {
    case .none: "at-once"
    case .sleep: "1ms"
    case .untilAllWait: "woken"
    }
  }
}

/// One round: who wants what, and what came of it.
private final class Round: @unchecked Sendable {
  // Sendable: each task writes its own place only, and what is counted is atomic.
  private let keys: [Key]
  private let files: [File]
  private let tasks: Int
  private let ends: UnsafeMutablePointer<Double>
  private let calls = Atomic<Int>(0)
  private let answered = Atomic<UInt64>(0)

  /// As many names as tasks, or one for all.
  init(directory: Int, round: Int, names: Int, tasks: Int) {
    keys = (0..<names).map { Key(directory: directory, name: "name-\(round)-\($0)") }
    files = (0..<names).map { File($0) }
    self.tasks = tasks
    ends = .allocate(capacity: tasks)
    ends.initialize(repeating: 0, count: tasks)
  }

  deinit { ends.deallocate() }

  /// Microseconds.
  func run(_ flight: some SingleFlight, _ delay: Delay) async -> Double {
    let waited = flight.waited
    let backend: Backend = { [self] key in
      let index = keys.count == 1 ? 0 : Int(key.name.split(separator: "-")[2]) ?? -1
      calls.add(1, ordering: .relaxed)
      switch delay {
      case .none: break
      case .sleep: await Self.sleep(.milliseconds(1))
      case .untilAllWait:
        while flight.waited - waited < tasks - 1 { await Self.sleep(.milliseconds(1)) }
        // The last one is about to suspend.
        await Self.sleep(.milliseconds(5))
        answered.store(benchmark_now().bitPattern, ordering: .relaxed)
      }
      return files[index]
    }
    let began = benchmark_now()
    await withTaskGroup { group in
      for task in 0..<tasks {
        group.addTask { [self] in
          let index = keys.count == 1 ? 0 : task
          let file = await flight.file(keys[index], backend)
          ends[task] = benchmark_now()
          guard file === files[index] else { wrong() }
        }
      }
    }
    guard calls.load(ordering: .relaxed) == keys.count else { wrong() }
    let last = (0..<tasks).map { ends[$0] }.max() ?? 0
    let from =
      delay == .untilAllWait ? Double(bitPattern: answered.load(ordering: .relaxed)) : began
    return (last - from) / 1000
  }

  private static func sleep(_ time: Duration) async {
    do { try await Task.sleep(for: time) } catch { wrong() }
  }
}

/// `names`: how many names there are for the tasks, one or as many as tasks.
private func measure(
  _ row: String, _ options: Options, tasks: Int, names: Int, _ delays: [Delay]
) async {
  var random = Random()
  let room = (names + 1) * options.rounds * delays.count
  func jobs(_ flight: some SingleFlight) -> [Job] {
    delays.map { delay in
      var round = 0
      return Job(name: "\(delay) \(type(of: flight).name)") {
        round += 1
        let number = round * delays.count + (delays.firstIndex(of: delay) ?? 0)
        return await Round(
          directory: number - delays.count, round: number, names: names, tasks: tasks
        ).run(flight, delay)
      }
    }
  }
  let directories = options.rounds * delays.count
  let all =
    jobs(CacheFlight(room: room, directories: directories))
    + jobs(ActorFlight(room: room, directories: directories))
    + jobs(OutsideFlight(room: room, directories: directories))
  let results = await rounds(options.rounds, of: all, &random)
  for delay in delays {
    report(
      "swift-\(row)-\(delay.name)", entries: names, threads: tasks, unit: "us",
      [CacheFlight.name, ActorFlight.name, OutsideFlight.name].map {
        ($0, results["\(delay) \($0)"] ?? [])
      })
  }
}

func measureColdName(_ options: Options) async {
  printHeading("Tasks that want one cold name: until the last one has it")
  await measure(
    "cold-name", options, tasks: options.tasks, names: 1, [.none, .sleep, .untilAllWait])
}

func measureColdNames(_ options: Options) async {
  printHeading("Tasks that want a cold name each, of one directory: until the last one has it")
  await measure(
    "cold-names", options, tasks: options.names, names: options.names, [.none, .sleep])
}
