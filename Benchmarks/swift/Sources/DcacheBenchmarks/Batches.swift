// SPDX-License-Identifier: LGPL-2.1-or-later

// Many hits a call: lookup(parent:names:) and walk(paths:) beside the C calls that they make
// (CBenchmarks/calls.c), and beside as many calls for one each. Of one directory at a time, all its names; the
// directories in a random order, the same for all subjects. C's names are in one piece of memory in that order.

import CBenchmarks
import Dcache

/// What is looked for in one round: changed between rounds, and only read while threads run.
private final class Batches: @unchecked Sendable {
  let tree: Tree
  private let files: [File]
  private let count: Int
  /// Of the paths, or of the names.
  private let hasPaths: Bool
  private let keys: UnsafeMutablePointer<benchmark_key>
  private let bytes: UnsafeMutablePointer<CChar>
  private var order: [Int]
  private var strings: [[String]] = []
  private var arrays: [[[UInt8]]] = []

  private static let stride = 64

  init(_ entries: Int, hasPaths: Bool) {
    count = entries / directorySize * directorySize
    files = (0..<count).map { File($0) }
    tree = Tree(files, room: count) { NameKind.small.bytes($0) }
    self.hasPaths = hasPaths
    keys = .allocate(capacity: count)
    bytes = .allocate(capacity: count * Self.stride)
    order = Array(0..<directoryCount(count))
  }

  deinit {
    keys.deallocate()
    bytes.deallocate()
  }

  func shuffle(_ random: inout Random) {
    order.shuffle(using: &random)
    strings = []
    arrays = []
    for (place, directory) in order.enumerated() {
      let names = (0..<directorySize).map { index in
        (hasPaths ? Array("directory\(directory)/".utf8) : [])
          + NameKind.small.bytes(directory * directorySize + index)
      }
      for (index, name) in names.enumerated() {
        let number = place * directorySize + index
        let copy = bytes + number * Self.stride
        for (offset, byte) in name.enumerated() { copy[offset] = CChar(bitPattern: byte) }
        keys[number] = benchmark_key(
          name: copy, len: UInt32(name.count), directory: UInt32(directory),
          number: files[directory * directorySize + index].number, payload: nil)
      }
      arrays.append(names)
    }
    for names in arrays { strings.append(names.map { String(decoding: $0, as: UTF8.self) }) }
  }

  var operations: Int { count }

  func callC() {
    if hasPaths {
      benchmark_walk_batch(tree.directories, keys, count)
    } else {
      benchmark_lookup_batch(tree.directories, keys, count)
    }
  }

  func callArrays() { hasPaths ? walk(arrays) : lookUp(arrays) }
  func callStrings() { hasPaths ? walk(strings) : lookUp(strings) }
  func callEach() { hasPaths ? walkEach(strings) : lookUpEach(strings) }

  private func number(_ place: Int, _ index: Int) -> UInt64 {
    keys[place * directorySize + index].number
  }

  @inline(__always)
  private func lookUp<Name: DentryName>(_ all: [[Name]]) {
    for (place, directory) in order.enumerated() {
      tree.cache.lookup(parent: tree.directories[directory], names: all[place]) { index, entry in
        guard let entry, entry.inodeNumber == number(place, index) else { wrong() }
      }
    }
  }

  private func lookUpEach(_ all: [[String]]) {
    for (place, directory) in order.enumerated() {
      let names = all[place]
      for index in names.indices {
        guard
          let entry = tree.cache.lookup(parent: tree.directories[directory], name: names[index]),
          entry.inodeNumber == number(place, index)
        else { wrong() }
      }
    }
  }

  @inline(__always)
  private func walk<Path: DentryName>(_ all: [[Path]]) {
    for (place, paths) in all.enumerated() {
      tree.cache.walk(paths: paths) { index, result in
        do throws(DcacheError) {
          guard try result.get().inodeNumber == number(place, index) else { wrong() }
        } catch {
          fail("walk: \(error)")
        }
      }
    }
  }

  private func walkEach(_ all: [[String]]) {
    for (place, paths) in all.enumerated() {
      for index in paths.indices {
        do throws(DcacheError) {
          guard try tree.cache.walk(paths[index]).inodeNumber == number(place, index)
          else { wrong() }
        } catch {
          fail("walk: \(error)")
        }
      }
    }
  }
}

func measureBatches(_ options: Options) async {
  printHeading("Many hits a call, beside the C calls that are made")
  for hasPaths in [false, true] {
    var random = Random()
    let batches = Batches(options.entries, hasPaths: hasPaths)
    let subjects: [(name: String, run: @Sendable () -> Void)] = [
      ("c", batches.callC), ("array", batches.callArrays), ("string", batches.callStrings),
      ("each", batches.callEach),
    ]
    let passes = max(1, (1 << 19) / options.entries)
    let jobs = subjects.map { subject in
      Job(name: subject.name) {
        threads(1, operations: batches.operations * passes) { _, isMeasured in
          for _ in 0..<(isMeasured ? passes : 1) { subject.run() }
        }
      }
    }
    let results = await rounds(options.rounds, of: jobs, &random) { batches.shuffle(&$0) }
    for name in ["array", "string"] {
      report(
        "swift-\(hasPaths ? "walk-paths" : "lookup-names")-\(name)", entries: batches.operations,
        threads: 1,
        [
          ("dcache", results[name] ?? []), ("c", results["c"] ?? []),
          ("one-by-one", results["each"] ?? []),
        ])
    }
  }
}
