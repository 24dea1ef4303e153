// SPDX-License-Identifier: LGPL-2.1-or-later

// What Swift programs pay: dcache-benchmarks [--entries N] [--rounds N] [--rows a,b]
//   [--threads 1,2,8] [--tasks N] [--names N]
//
// Rows:
//   calls       hits through the module beside the C calls it makes, on one cache (Calls.swift)
//   batches     many hits a call, beside the C calls and as many calls for one (Batches.swift)
//   peers       hit, miss and 95/5 beside a Dictionary behind a Mutex, and an actor (Peers.swift)
//   cold-name   many tasks and one cold name, beside single flights made of an actor (ColdNames.swift)
//   cold-names  many tasks, each with a cold name of its own in one directory, beside the same
//
// Why it is fair: all subjects of a row have the same names, made before the clock starts; each round visits
// them in a new random order and takes the subjects in a random order; every answer is checked, and a wrong
// one ends the program with status 1; tables are made as large as they will get; the harness allocates
// nothing in a measured loop. A round in which a thread did not have its processor is taken again, a few
// times. Medians, with the lowest and the highest; also as JSON, see Benchmarks/report.h.

@main
struct Benchmarks {
  static func main() async {
    #if DEBUG
      fail("a debug build says nothing about speed: swift run -c release", status: 2)
    #else
      let options = Options(CommandLine.arguments.dropFirst())
      if options.rows.contains("calls") { await measureCalls(options) }
      if options.rows.contains("batches") { await measureBatches(options) }
      if options.rows.contains("peers") { await measurePeers(options) }
      if options.rows.contains("cold-name") { await measureColdName(options) }
      if options.rows.contains("cold-names") { await measureColdNames(options) }
      Disturbances.print()
    #endif
  }
}
