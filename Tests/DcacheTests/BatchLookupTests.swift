// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Testing

@Suite(.timeLimit(.minutes(10))) struct BatchLookupTests {
  let census = Census()
  let cache: Cache

  init() throws {
    cache = try makeCache(census)
  }

  struct Enough: Error {}

  /// Names of all lengths; every third is not cached, every fifth of the others negative.
  private func fill(_ count: Int) throws -> [String] {
    let names = (0..<count).map { index in
      "\(index)" + String(repeating: "-", count: index % 60)
    }
    for index in names.indices where index % 3 != 2 {
      let token = try cache.own(names[index], in: cache.root)
      if index % 5 == 0 {
        _ = try token.addNegative()
      } else {
        _ = try token.add(File(names[index], census), kind: .regular, number: UInt64(index))
      }
    }
    return names
  }

  @Test(arguments: [0, 1, 15, 16, 17, 32, 33, 1000])
  func findsWhatIsCached(_ count: Int) throws {
    let names = try fill(count)
    let entries = cache.lookup(parent: cache.root, names: names)
    expect(entries.count == count)
    for (index, entry) in entries.enumerated() {
      guard index % 3 != 2 else {
        expect(entry == nil)
        continue
      }
      let shared = try #require(entry)
      expect(shared.dentry.name == names[index])
      expect(shared.dentry.isNegative == (index % 5 == 0))
      expect(shared.dentry.payload?.label == (index % 5 == 0 ? nil : names[index]))
    }
  }

  @Test(arguments: [0, 1, 15, 16, 17, 32, 33, 1000])
  func looksAtWhatIsCached(_ count: Int) throws {
    let names = try fill(count)
    let seen = cache.withReadLock { section in
      section.lookup(parent: cache.root, names: names) { index, view in
        view.isNegative ? "\(index) negative" : "\(index) \(view.payload?.label ?? "")"
      }
    }
    let expected = names.enumerated().map { index, name in
      index % 3 == 2 ? nil : index % 5 == 0 ? "\(index) negative" : "\(index) \(name)"
    }
    expect(seen == expected)
  }

  @Test func comesInTheOrderOfTheNames() throws {
    let names = try fill(50)
    var indices: [Int] = []
    cache.lookup(parent: cache.root, names: names) { index, entry in
      indices.append(index)
      if let entry {
        expect(entry.name == names[index])
      } else {
        expect(index % 3 == 2)
      }
    }
    expect(indices == Array(0..<50))
  }

  @Test func namesOfAnyKind() throws {
    _ = try cache.own("x", in: cache.root).addNegative()
    let bytes: [[UInt8]] = [
      Array("x".utf8), [], Array("a/b".utf8), Array(repeating: 0x78, count: 300),
    ]
    let found = cache.lookup(parent: cache.root, names: bytes)
    expect(found.map { $0 != nil } == [true, false, false, false])
    let parts = "y/x/".split(separator: "/", omittingEmptySubsequences: false)
    expect(
      cache.lookup(parent: cache.root, names: parts).map { $0 != nil } == [false, true, false])
  }

  @Test func aNameMayComeTwice() throws {
    _ = try cache.own("x", in: cache.root).addNegative()
    let found = cache.lookup(parent: cache.root, names: Array(repeating: "x", count: 40))
    let first = try #require(found[0])
    expect(found.allSatisfy { $0 == first })
  }

  @Test func aParentThatIsNoDirectory() throws {
    let file = try cache.own("file", in: cache.root).add(File("file", census), kind: .regular)
    let negative = try cache.own("negative", in: cache.root).addNegative()
    expect(cache.lookup(parent: file, names: ["a", "b"]) == [nil, nil])
    expect(cache.lookup(parent: negative, names: ["a"]) == [nil])
  }

  @Test func aDirectoryThatIsOnlySeen() throws {
    let directory = try cache.own("dir", in: cache.root).add(File("dir", census), kind: .directory)
    _ = try cache.own("a", in: directory).add(File("in dir", census), kind: .regular)
    let seen = cache.withReadLock { section in
      section.lookup(parent: cache.root, name: "dir") { view in
        section.lookup(parent: view, names: ["a", "b"]) { _, inner in inner.payload?.label }
      } ?? nil
    }
    expect(seen == ["in dir", nil])
  }

  @Test func anErrorEndsItAndLeavesNoReference() throws {
    let names = try fill(100)
    for last in [0, 1, 20, 97] {
      var calls = 0
      #expect(throws: Enough.self) {
        try cache.lookup(parent: cache.root, names: names) { index, _ throws(Enough) in
          calls += 1
          if index == last { throw Enough() }
        }
      }
      expect(calls == last + 1)
      let failure = #expect(throws: Enough.self) {
        try cache.withReadLock { section throws(Enough) in
          _ = try section.lookup(parent: cache.root, names: names) { index, _ throws(Enough) in
            if index >= last { throw Enough() }
          }
        }
      }
      expect(failure != nil)
    }
    cache.shrink(100)
    expect(cache.isBare)
    expect(census.population == 1)
  }

  /// What `body` saw of an entry that changed meanwhile is not delivered, nor is its error.
  @Test func whatChangedIsNotDelivered() throws {
    for name in ["a", "b", "c"] { _ = try cache.own(name, in: cache.root).addNegative() }
    let b = try require(cache.lookup(parent: cache.root, name: "b"))
    let seen = try cache.withReadLock { section throws(Enough) in
      try section.lookup(parent: cache.root, names: ["a", "b", "c"]) { index, _ throws(Enough) in
        if index == 1 {
          b.drop()
          throw Enough()
        }
        return index
      }
    }
    expect(seen == [0, nil, 2])
  }

  @Test func pathsLeadWhereEachLeads() throws {
    let directory = try cache.own("dir", in: cache.root).add(File("dir", census), kind: .directory)
    _ = try cache.own("a", in: directory).add(File("a", census), kind: .regular)
    _ = try cache.own("none", in: directory).addNegative()
    let some = ["dir", "/dir/a", "dir//a", "dir/none", "dir/a/b", "", "dir/../dir/a", "dir/."]
    let paths = Array(repeating: some, count: 5).flatMap { $0 }
    var indices: [Int] = []
    var labels: [String] = []
    cache.walk(paths: paths, options: .cached) { index, result in
      indices.append(index)
      do throws(DcacheError) {
        let entry = try result.get()
        labels.append(entry.payload?.label ?? "")
      } catch {
        labels.append("\(error.rawValue)")
      }
    }
    expect(indices == Array(paths.indices))
    let expected = paths.map { path in
      do throws(DcacheError) {
        return try cache.walk(path, options: .cached).payload?.label ?? ""
      } catch {
        return "\(error.rawValue)"
      }
    }
    expect(labels == expected)
    expect(labels.prefix(3) == ["dir", "a", "a"])
  }

  @Test func anErrorEndsAWalkOfManyPaths() throws {
    _ = try cache.own("a", in: cache.root).add(File("a", census), kind: .regular)
    var calls = 0
    #expect(throws: Enough.self) {
      try cache.walk(paths: Array(repeating: "a", count: 40), options: .cached) {
        index, _ throws(Enough) in
        calls += 1
        if index == 20 { throw Enough() }
      }
    }
    expect(calls == 21)
    cache.shrink(100)
    expect(cache.isBare)
  }
}
