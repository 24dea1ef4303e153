// SPDX-License-Identifier: LGPL-2.1-or-later

// The cache beside what a Swift program would have in its place: a dictionary of (directory, name) behind
// a mutex, or in an actor. Rows: hit; miss, names that are not there in directories that are; 95/5, in which
// every twentieth operation inserts a name or removes one.
//
// All have the same keys, made before the clock starts, in the same new order in each round; a quarter of
// the names is on the heap. What is found is the file, of which the number is read: in the cache's read
// section as in the mutex, so without a reference; "reference" is the cache's other hit, which takes one.
// Nothing is moved here, so a miss in a read section is final. What is inserted and removed, each thread
// has its own names of; files are made before, and all are checked in the end.
//
// ns: processor time of one operation: time by the clock, times the processors at work, by operations.

import Dcache

/// One lookup, and what it must lead to.
struct Probe {
  let key: Key
  let number: UInt64
}

/// Names that a thread inserts, one after the other, and then removes.
final class Changes: @unchecked Sendable {
  // Sendable: it is one thread's at a time.
  let keys: [Key]
  let files: [File]
  fileprivate var at = 0
  fileprivate var isInserting = true

  fileprivate init(_ thread: Int, _ count: Int, entries: Int) {
    var random = Random()
    keys = (0..<count).map { index in
      Key(
        directory: Int.random(in: 0..<directoryCount(entries), using: &random),
        name: "new-\(thread)-\(index)")
    }
    files = (0..<count).map { File(entries + $0) }
  }

  /// Which of them is to be changed next, and how.
  @inline(__always)
  fileprivate func next() -> (index: Int, isInsertion: Bool) {
    let result = (at, isInserting)
    at += 1
    if at == keys.count {
      at = 0
      isInserting.toggle()
    }
    return result
  }

  /// What a name leads to now.
  fileprivate func number(_ index: Int) -> UInt64? {
    (index < at) == isInserting ? files[index].number : nil
  }
}

private let changesInHundred = 5

// MARK: - The measured loops

@inline(never)
private func lookUp<T: Table>(_ table: T, _ probes: Probes, _ range: Slice) {
  for index in range {
    let probe = probes.pointer + index
    guard table.number(of: probe.pointee.key) == probe.pointee.number else { wrong() }
  }
}

@inline(never)
private func miss<T: Table>(_ table: T, _ probes: Probes, _ range: Slice) {
  for index in range {
    guard table.number(of: probes.missing[index]) == nil else { wrong() }
  }
}

@inline(never)
private func mix<T: Table>(_ table: T, _ probes: Probes, _ range: Slice, _ changes: Changes) {
  var operation = 0
  for index in range {
    operation += changesInHundred
    if operation >= 100 {
      operation = 0
      let (index, isInsertion) = changes.next()
      let isRight =
        isInsertion
        ? table.insert(changes.keys[index], changes.files[index])
        : table.remove(changes.keys[index])
      guard isRight else { wrong() }
      continue
    }
    let probe = probes.pointer + index
    guard table.number(of: probe.pointee.key) == probe.pointee.number else { wrong() }
  }
}

@inline(never)
private func lookUp(_ table: ActorTable, _ probes: Probes, _ range: Slice) async {
  for index in range {
    let number = await table.number(of: probes.pointer[index].key)
    guard number == probes.pointer[index].number else { wrong() }
  }
}

@inline(never)
private func miss(_ table: ActorTable, _ probes: Probes, _ range: Slice) async {
  for index in range {
    guard await table.number(of: probes.missing[index]) == nil else { wrong() }
  }
}

@inline(never)
private func mix(_ table: ActorTable, _ probes: Probes, _ range: Slice, _ changes: Changes) async {
  var operation = 0
  for index in range {
    operation += changesInHundred
    if operation >= 100 {
      operation = 0
      let (index, isInsertion) = changes.next()
      let (key, file) = (changes.keys[index], changes.files[index])
      guard await isInsertion ? table.insert(key, file) : table.remove(key) else { wrong() }
      continue
    }
    let number = await table.number(of: probes.pointer[index].key)
    guard number == probes.pointer[index].number else { wrong() }
  }
}

// MARK: - The keys

/// A thread's part of the probes: it begins at its own place, and goes round.
private struct Slice: Sequence, IteratorProtocol {
  private var at: Int
  private var left: Int
  private let count: Int

  init(thread: Int, of threads: Int, operations: Int, count: Int) {
    at = count / threads * thread
    left = operations / threads
    self.count = count
  }

  @inline(__always)
  mutating func next() -> Int? {
    guard left > 0 else { return nil }
    left -= 1
    defer { at = at + 1 == count ? 0 : at + 1 }
    return at
  }
}

/// The keys of one round: changed between rounds, and only read while threads run.
private final class Probes: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Probe>
  let missing: UnsafeMutablePointer<Key>
  let files: [File]
  private var order: [Int]

  init(_ entries: Int) {
    files = (0..<entries).map { File($0) }
    order = Array(0..<entries)
    pointer = .allocate(capacity: entries)
    missing = .allocate(capacity: entries)
    for index in 0..<entries {
      (pointer + index).initialize(to: Probe(key: Self.key(index), number: UInt64(index)))
      (missing + index).initialize(to: Self.key(index))
    }
  }

  deinit {
    pointer.deinitialize(count: files.count)
    missing.deinitialize(count: files.count)
    pointer.deallocate()
    missing.deallocate()
  }

  static func name(_ number: Int) -> [UInt8] {
    (number % 4 == 0 ? NameKind.long : .small).bytes(number)
  }

  static func key(_ number: Int) -> Key {
    Key(directory: number / directorySize, name: String(decoding: name(number), as: UTF8.self))
  }

  /// A name that is not there, as long as the one that is.
  private static func missingKey(_ number: Int) -> Key {
    var name = name(number)
    name[name.count - 1] = UInt8(ascii: "!")
    return Key(directory: number / directorySize, name: String(decoding: name, as: UTF8.self))
  }

  /// New keys in a new order, one behind the other.
  func shuffle(_ random: inout Random) {
    order.shuffle(using: &random)
    let nobody = Key(directory: 0, name: "")
    for index in order.indices {
      pointer[index] = Probe(key: nobody, number: 0)
      missing[index] = nobody
    }
    for (index, number) in order.enumerated() {
      pointer[index] = Probe(key: Self.key(number), number: files[number].number)
    }
    for (index, number) in order.enumerated() { missing[index] = Self.missingKey(number) }
  }
}

// MARK: - The rows

/// What is measured with one number of threads.
private struct Setting {
  let threads: Int
  let operations: Int
  let entries: Int

  func slice(_ thread: Int, _ isMeasured: Bool) -> Slice {
    Slice(
      thread: thread, of: threads,
      operations: isMeasured ? operations : min(operations, threads << 14), count: entries)
  }
}

private func jobs<T: Table>(
  _ name: String, _ table: T, _ probes: Probes, _ changes: [Changes], _ setting: Setting
) -> [Job] {
  func job(_ row: String, _ loop: @escaping @Sendable (Int, Slice) -> Void) -> Job {
    Job(name: "\(row) \(name)") {
      threads(setting.threads, operations: setting.operations) { thread, isMeasured in
        loop(thread, setting.slice(thread, isMeasured))
      }
    }
  }
  return [
    job("hit") { lookUp(table, probes, $1) },
    job("miss") { miss(table, probes, $1) },
    job("95-5") { mix(table, probes, $1, changes[$0]) },
  ]
}

private func jobs(
  _ name: String, _ table: ActorTable, _ probes: Probes, _ changes: [Changes], _ setting: Setting
) -> [Job] {
  func job(_ row: String, _ loop: @escaping @Sendable (Int, Slice) async -> Void) -> Job {
    Job(name: "\(row) \(name)") {
      await tasks(setting.threads, operations: setting.operations) { task, isMeasured in
        await loop(task, setting.slice(task, isMeasured))
      }
    }
  }
  return [
    job("hit") { await lookUp(table, probes, $1) },
    job("miss") { await miss(table, probes, $1) },
    job("95-5") { await mix(table, probes, $1, changes[$0]) },
  ]
}

func measurePeers(_ options: Options) async {
  let entries = options.entries
  let most = options.threads.max() ?? 1
  let probes = Probes(entries)
  let changeCount = max(64, min(entries / 8, 8192))
  let room = entries + most * changeCount
  let tree = Tree(probes.files, room: room) { Probes.name($0) }
  let keyed = probes.files.indices.map { (Probes.key($0), probes.files[$0]) }
  let section = SectionTable(tree: tree)
  let reference = ReferenceTable(tree: tree)
  let mutex = MutexTable(Files(keyed, room: room))
  let actor = ActorTable(Files(keyed, room: room))
  // The cache's two ways to look up have one cache.
  func changes() -> [Changes] { (0..<most).map { Changes($0, changeCount, entries: entries) } }
  let (cacheChanges, mutexChanges, actorChanges) = (changes(), changes(), changes())

  printHeading("The cache beside a dictionary behind a mutex, and one in an actor")
  for count in options.threads {
    var random = Random()
    let operations = max(entries, 1 << 19) / count * count
    let setting = Setting(threads: count, operations: operations, entries: entries)
    let all =
      jobs("dcache", section, probes, cacheChanges, setting)
      + jobs("dcache-reference", reference, probes, cacheChanges, setting)
      + jobs("dictionary-mutex", mutex, probes, mutexChanges, setting)
      + jobs("dictionary-actor", actor, probes, actorChanges, setting)
    let results = await rounds(options.rounds, of: all, &random) { probes.shuffle(&$0) }
    for row in ["hit", "miss", "95-5"] {
      func values(_ subject: String) -> [Double] { results["\(row) \(subject)"] ?? [] }
      let peers = ["dictionary-mutex", "dictionary-actor"].map { ($0, values($0)) }
      report(
        "swift-\(row)", entries: entries, threads: count, [("dcache", values("dcache"))] + peers)
      report(
        "swift-\(row)-reference", entries: entries, threads: count,
        [("dcache", values("dcache-reference"))] + peers)
    }
  }
  for thread in 0..<most {
    let (cached, locked, kept) = (cacheChanges[thread], mutexChanges[thread], actorChanges[thread])
    for index in 0..<changeCount {
      guard section.number(of: cached.keys[index]) == cached.number(index),
        mutex.number(of: locked.keys[index]) == locked.number(index),
        await actor.number(of: kept.keys[index]) == kept.number(index)
      else { wrong() }
    }
  }
}
