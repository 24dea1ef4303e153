// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Synchronization

/// A name in a directory.
struct Key: Hashable, Sendable {
  let directory: Int
  let name: String
}

/// What the peers' rows do to a table, from any thread. A lookup answers the number of the file that the
/// name leads to, which is read from the file.
protocol Table: Sendable {
  func number(of key: Key) -> UInt64?
  /// False if the name is there already.
  func insert(_ key: Key, _ file: File) -> Bool
  /// False if it is not there.
  func remove(_ key: Key) -> Bool
}

/// The cache; hits without a reference. What it says is exact here, where nothing is renamed.
struct SectionTable: Table {
  let tree: Tree

  @inline(__always)
  func number(of key: Key) -> UInt64? {
    let number = tree.cache.withReadLock { section in
      section.lookup(parent: tree.directories[key.directory], name: key.name) { view in
        view.withPayload { $0.number }
      }
    }
    return number ?? nil
  }

  func insert(_ key: Key, _ file: File) -> Bool {
    // A thread's names are its own, so nobody else makes one meanwhile.
    do throws(DcacheError) {
      let result = try tree.cache.allocParallel(
        parent: tree.directories[key.directory], name: key.name)
      guard case .pending(let lookup) = consume result else { return false }
      _ = try lookup.add(file, kind: .regular, number: file.number)
      return true
    } catch {
      fail("insert: \(error)")
    }
  }

  func remove(_ key: Key) -> Bool {
    guard
      let entry = tree.cache.lookup(parent: tree.directories[key.directory], name: key.name)
    else { return false }
    entry.drop()
    return true
  }
}

/// The cache; hits with a reference to the entry and to the file.
struct ReferenceTable: Table {
  let tree: Tree

  @inline(__always)
  func number(of key: Key) -> UInt64? {
    tree.cache.lookup(parent: tree.directories[key.directory], name: key.name)?.payload?.number
  }

  func insert(_ key: Key, _ file: File) -> Bool { SectionTable(tree: tree).insert(key, file) }

  func remove(_ key: Key) -> Bool { SectionTable(tree: tree).remove(key) }
}

/// What a program has without the cache: a dictionary. Made for as many as there will be.
struct Files {
  private var files: [Key: File]

  init(_ all: [(Key, File)], room: Int) {
    files = Dictionary(minimumCapacity: room)
    for (key, file) in all { files[key] = file }
  }

  @inline(__always)
  func number(of key: Key) -> UInt64? { files[key]?.number }

  @inline(__always)
  mutating func insert(_ key: Key, _ file: File) -> Bool {
    files.updateValue(file, forKey: key) == nil
  }

  @inline(__always)
  mutating func remove(_ key: Key) -> Bool { files.removeValue(forKey: key) != nil }
}

/// It behind a mutex.
final class MutexTable: Table {
  private let files: Mutex<Files>

  init(_ files: Files) { self.files = Mutex(files) }

  @inline(__always)
  func number(of key: Key) -> UInt64? { files.withLock { $0.number(of: key) } }

  func insert(_ key: Key, _ file: File) -> Bool { files.withLock { $0.insert(key, file) } }

  func remove(_ key: Key) -> Bool { files.withLock { $0.remove(key) } }
}

/// It in an actor.
actor ActorTable {
  private var files: Files

  init(_ files: Files) { self.files = files }

  func number(of key: Key) -> UInt64? { files.number(of: key) }

  func insert(_ key: Key, _ file: File) -> Bool { files.insert(key, file) }

  func remove(_ key: Key) -> Bool { files.remove(key) }
}
