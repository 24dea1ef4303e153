// SPDX-License-Identifier: LGPL-2.1-or-later

import CBenchmarks
import Glibc

/// One subject of a row; `measure` returns what one round of it took.
struct Job {
  let name: String
  let measure: () async -> Double
}

/// All jobs in each round, in a random order. Returns what each took, by name.
func rounds(
  _ count: Int, of jobs: [Job], _ random: inout Random, before: (inout Random) -> Void = { _ in }
) async -> [String: [Double]] {
  var results: [String: [Double]] = [:]
  for _ in 0..<count {
    before(&random)
    for job in jobs.shuffled(using: &random) {
      results[job.name, default: []].append(await job.measure())
    }
  }
  return results
}

/// xorshift, as in Benchmarks/bench.h: the same orders in every run.
struct Random: RandomNumberGenerator {
  private var state: UInt64 = 88_172_645_463_325_252

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}

// MARK: - Threads and tasks

/// How often a thread did not have its processor.
enum Disturbances {
  nonisolated(unsafe) static var again = 0
  nonisolated(unsafe) static var kept = 0

  static func print() {
    guard again + kept > 0 else { return }
    Swift.print(
      "Rounds without their processors: \(again) taken again, \(kept) kept after \(attempts - 1) more"
    )
  }

  fileprivate static let attempts = 4
}

/// Run `body` in so many threads at once, first to warm up, then measured; `operations` are what all of
/// them do together. Returns the processor time of one: the time by the clock, of as many processors as
/// were at work.
func threads(
  _ count: Int, operations: Int,
  _ body: @escaping @Sendable (_ thread: Int, _ isMeasured: Bool) -> Void
) -> Double {
  final class Box {
    let body: @Sendable (Int, Bool) -> Void
    init(_ body: @escaping @Sendable (Int, Bool) -> Void) { self.body = body }
  }
  let box = Box(body)
  let processors = Int(benchmark_processors())
  return withExtendedLifetime(box) {
    var attempt = 1
    while true {
      let time = benchmark_threads(
        UInt32(count),
        { box, thread, isMeasured in
          Unmanaged<Box>.fromOpaque(box.unsafelyUnwrapped)
            ._withUnsafeGuaranteedRef { $0.body(Int(thread), isMeasured) }
        }, Unmanaged.passUnretained(box).toOpaque())
      let isGood = time.undisturbed || count > processors
      if isGood || attempt == Disturbances.attempts {
        Disturbances.kept += isGood ? 0 : 1
        return time.ns * Double(min(count, processors)) / Double(operations)
      }
      Disturbances.again += 1
      attempt += 1
    }
  }
}

/// The same for tasks. Nobody knows whether these had their processors: they share the pool's threads.
func tasks(
  _ count: Int, operations: Int,
  _ body: @escaping @Sendable (_ task: Int, _ isMeasured: Bool) async -> Void
) async -> Double {
  func run(_ isMeasured: Bool) async {
    await withTaskGroup { group in
      for task in 0..<count { group.addTask { await body(task, isMeasured) } }
    }
  }
  await run(false)
  let began = benchmark_now()
  await run(true)
  let processors = min(count, Int(benchmark_processors()))
  return (benchmark_now() - began) * Double(processors) / Double(operations)
}

// MARK: - Results

/// Print one row, and report it. The first subject is ours; at its end stands what part it takes of the best
/// other one's.
func report(
  _ bench: String, entries: Int, threads: Int, unit: String = "ns",
  _ subjects: [(name: String, values: [Double])]
) {
  let spreads = subjects.map { subject in
    var values = subject.values
    return benchmark_spread(&values, values.count)
  }
  let best = spreads.dropFirst().map(\.median).min()
  for (index, (subject, spread)) in zip(subjects, spreads).enumerated() {
    benchmark_report(
      bench, subject.name, unit, UInt64(entries), UInt32(threads), UInt32(subject.values.count),
      spread)
    let ratio = index == 0 ? best.map { pad(fixed(spread.median / $0, 2), 8) } ?? "" : ""
    print(
      (index == 0 ? bench : "").padded(41), subject.name.padded(17), pad("\(entries)", 9),
      pad("\(threads)", 6), pad(fixed(spread.median, 1), 10),
      "(\(fixed(spread.low, 1)) - \(fixed(spread.high, 1)))".padded(23), unit, ratio)
  }
}

func printHeading(_ text: String) {
  print("\n\(text)")
  print(
    "row".padded(41), "subject".padded(17), pad("entries", 9), pad("thr.", 6), pad("median", 10),
    "(lowest - highest)".padded(23), "  ", pad("of best", 8))
}

private func fixed(_ value: Double, _ digits: Int) -> String {
  let scale = pow(10, Double(digits))
  let (whole, part) = Int((value * scale).rounded()).quotientAndRemainder(dividingBy: Int(scale))
  let fraction = String(part)
  return "\(whole)." + String(repeating: "0", count: digits - fraction.utf8.count) + fraction
}

private func pad(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.utf8.count)) + text
}

extension String {
  fileprivate func padded(_ width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - utf8.count))
  }
}
