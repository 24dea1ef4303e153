// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc
import Synchronization
import Testing

@testable import DcacheFileSystem

// One after the other: a user may have 128 instances of inotify's.

/// Threads that change a tree, and threads that know what was true when they asked.
@Suite(.serialized) struct TruthTests {
  /// A name that one thread changes. Its version is odd while it does.
  private final class Subject: Sendable {
    let name: String
    let version = Atomic<Int>(0)

    init(_ name: String) { self.name = name }
  }

  /// In state 0 it is absent, in state n a file of n bytes.
  private static func state(_ version: Int) -> Int { version / 2 % 4 }

  @Test(arguments: [
    CachedFileSystem.Unwatched?.none, .asked,
  ])
  func `no answer is older than its call`(unwatched: CachedFileSystem.Unwatched?) throws {
    let tree = try Tree()
    var options = CachedFileSystem.Options()
    options.maxEntries = 64
    if unwatched != nil { options.maxWatches = 6 }
    let files = try CachedFileSystem(directory: tree.path, options: options)
    for directory in ["a", "a/b", "c"] { tree.make(directory: directory) }
    let subjects = (0..<6).map { Subject(["a/b/\($0)", "a/\($0)", "c/\($0)"][$0 % 3]) }
    let isOver = Atomic<Bool>(false)
    let wrong = Atomic<Int>(0)
    let settled = Atomic<Int>(0)

    let mutators = try (0..<2).map { index in
      try HostThread {
        var random = Random(seed: UInt64(index))
        for round in 0..<4_000 {
          // Now and then the checkers come to see its files at rest, however slow the machine is.
          let seen = settled.load(ordering: .relaxed)
          while round % 16 == 0, settled.load(ordering: .relaxed) == seen { usleep(50) }
          let subject = subjects[index + 2 * random.below(3)]
          let new = subject.version.add(1, ordering: .sequentiallyConsistent).newValue + 1
          Self.set(tree, subject.name, to: Self.state(new), random.below(3))
          subject.version.store(new, ordering: .sequentiallyConsistent)
        }
      }
    }
    let checkers = try (0..<3).map { index in
      try HostThread {
        var random = Random(seed: UInt64(100 + index))
        while !isOver.load(ordering: .relaxed) {
          let subject = subjects[random.below(subjects.count)]
          let before = subject.version.load(ordering: .sequentiallyConsistent)
          let answer = Self.answer(files, subject.name, random.below(3))
          guard before == subject.version.load(ordering: .sequentiallyConsistent), before % 2 == 0
          else { continue }
          settled.add(1, ordering: .relaxed)
          let state = Self.state(before)
          let isTrue =
            switch answer {
            case .failed: false
            case .size(let size): size == state
            case .exists(let exists): exists == (state > 0)
            }
          if !isTrue { wrong.add(1, ordering: .relaxed) }
        }
      }
    }
    for mutator in mutators { mutator.join() }
    isOver.store(true, ordering: .relaxed)
    for checker in checkers { checker.join() }
    let (errors, checked) = (wrong.load(ordering: .relaxed), settled.load(ordering: .relaxed))
    #expect(errors == 0)
    #expect(checked > 0)
    for subject in subjects {
      let state = Self.state(subject.version.load(ordering: .relaxed))
      #expect((try? files.status(of: subject.name).size) == (state > 0 ? Int64(state) : nil))
    }
  }

  private enum Answer {
    case failed
    /// 0: absent.
    case size(Int)
    case exists(Bool)
  }

  private static func answer(_ files: CachedFileSystem, _ name: String, _ way: Int) -> Answer {
    do throws(FileSystemError) {
      switch way {
      case 0: return .exists(try files.exists(name))
      case 1:
        let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) ?? name.startIndex
        let names = try files.entries(of: String(name[..<slash]))
        return .exists(names.contains { $0.name == name[slash...].dropFirst() })
      default: return .size(Int(try files.status(of: name).size))
      }
    } catch {
      return error.code == .noSuchFileOrDirectory ? .size(0) : .failed
    }
  }

  /// One system call makes it so for everybody, or it was so before.
  private static func set(_ tree: Tree, _ name: String, to state: Int, _ way: Int) {
    let size = state
    if size == 0 { return tree.remove(name: name) }
    let other = "\(name).new"
    switch way {
    case 0 where size > 1:
      precondition(truncate(tree.at(name), size) == 0)
    case 1 where size > 1:
      tree.make(otherName: other, of: name)
      precondition(truncate(tree.at(other), size) == 0)
      tree.remove(name: other)
    default:
      tree.write(other, String(repeating: "x", count: size))
      tree.rename(other, name)
    }
  }
}

/// Numbers that are the same for the same seed.
struct Random {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

  mutating func below(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state >> 11) % bound
  }

  mutating func of<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
