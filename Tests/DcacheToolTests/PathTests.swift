// SPDX-License-Identifier: LGPL-2.1-or-later

import DcacheFileSystem
import Testing

@testable import DcacheTool

/// Paths and names as bytes.
@Suite("paths")
struct PathTests {
  private static let identity = FileIdentity(device: 1, inode: 2, type: .directory)

  @Test("a tree gives back what was put into it")
  func tree() {
    var tree = PathTree()
    let names: [([UInt8], UInt32)] = [
      ([0x61], PathTree.top), ([0xff, 0xfe], 0), (Array(repeating: 0x62, count: 255), 1),
      ([0x63], PathTree.top),
    ]
    for (index, (name, parent)) in names.enumerated() {
      let identity = FileIdentity(device: UInt64(index % 2), inode: UInt64(index), type: .directory)
      let isAdded = tree.append(name: name.span, parent: parent, identity: identity)
      #expect(isAdded)
    }
    #expect(tree.count == 4)
    #expect(tree.path(of: 0) == [0x61])
    #expect(tree.path(of: 2) == [0x61, slash, 0xff, 0xfe, slash] + names[2].0)
    #expect(tree.path(of: 3) == [0x63])
    #expect(tree.parent(of: 2) == 1)
    for index in 0..<4 {
      let identity = tree.identity(of: index)
      #expect(identity.device == UInt64(index % 2))
      #expect(identity.inode == UInt64(index))
    }
  }

  @Test("letters")
  func letters() {
    let flipped = Array("aZ@[`{09\u{e9}".utf8).map(\.caseFlipped)
    #expect(flipped == Array("Az@[`{09\u{e9}".utf8))
    #expect((0...255).filter { UInt8($0).isLetter }.count == 52)
    #expect(Array("AbC-Ü".utf8).map(\.caseFolded) == Array("abc-Ü".utf8))
  }

  @Test("components")
  func components() {
    let path = Array("ab/c".utf8)
    let ends = [path.span.endOfComponent(from: 0), path.span.endOfComponent(from: 3)]
    #expect(ends == [2, 4])
    let last = path.span.startOfLastComponent
    #expect(last == 3)
    let only = path.span.extracting(0..<2).startOfLastComponent
    #expect(only == 0)
    let whole = path.span.withCPath { String(cString: $0) }
    #expect(whole == "ab/c")
    let empty = path.span.extracting(0..<0).withCPath { String(cString: $0) }
    #expect(empty == ".")
  }

  @Test(
    "what a terminal is shown",
    arguments: [
      (Array("plain/ünï".utf8), "plain/ünï"), ([0x61, 0xff, 0x0a], #"a\xff\x0a"#),
      (Array(#"a\b"#.utf8), #"a\x5cb"#), ([0x1b, 0x5b], #"\x1b["#), ([0xc3], #"\xc3"#),
      ([0xc2, 0x9b], #"\xc2\x9b"#), ([0xed, 0xa0, 0x80], #"\xed\xa0\x80"#), ([], ""),
    ] as [([UInt8], String)])
  func printing(bytes: [UInt8], text: String) {
    #expect(printable(bytes) == text)
  }

  @Test("names that differ only in case")
  func ambiguous() throws {
    let tree = TemporaryTree()
    tree.file("README", "readme", "Readme", "other", "1")
    var survey = Survey(of: try tree.host(), maxPaths: 0, notes: Notes(isVerbose: false))
    let code = survey.run { _ in }
    #expect(code == 0)
    #expect(survey.counts.ambiguousCase == 3)
    for index in 0..<survey.tree.count {
      let name = String(decoding: survey.tree.path(of: index), as: UTF8.self)
      let spelling: Spelling = name == "1" ? .noLetters : name == "other" ? .unique : .ambiguous
      #expect(survey.tree.spelling(of: index) == spelling)
    }
    let top: [UInt8] = []
    let listing = DirectoryListing(of: top.span, in: try tree.host())
    #expect(listing.code == 0)
    for (asked, stored) in [("OTHER", "other"), ("rEADME", nil), ("none", nil)] {
      let found = listing.storedSpelling(of: Array(asked.utf8).span)
      #expect(found == stored.map { Array($0.utf8) })
    }
  }
}
