// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc
import Testing

@testable import DcacheTool

/// The command itself, as its users run it.
@Suite("dcache walk")
struct WalkCommandTests {
  private static func makeTree() -> TemporaryTree {
    let tree = TemporaryTree()
    tree.directory("usr")
    tree.directory("usr/lib")
    tree.directory("home")
    tree.file("usr/lib/x", "home/ünïcode", "home/y")
    tree.symlink("link", to: "usr/lib/x")
    tree.symlink("usr/up", to: "/home")
    tree.symlink("loop", to: "loop")
    return tree
  }

  /// The lines that paths give, without the time that each took.
  private func walk(
    _ paths: String, _ arguments: String = "", in tree: TemporaryTree = Self.makeTree()
  ) -> (lines: [String], status: Int32, errors: String) {
    let result = shell(
      "printf '\(paths)' | '\(pathOfDcache())' walk '\(tree.path)' \(arguments)")
    let lines = result.output.split(separator: "\n").map { line in
      // The last word but one is the number of nanoseconds.
      let words = line.split(separator: " ", omittingEmptySubsequences: false)
      #expect(words.last == "ns)", "\(line)")
      #expect(words.dropLast().last.flatMap { Int($0) } ?? -1 >= 0, "\(line)")
      return words.dropLast(2).joined(separator: " ").withoutInode
    }
    return (lines, result.status, result.errors)
  }

  @Test("what a path leads to, and from where")
  func answers() {
    let result = walk(#"usr/lib/x\nusr/lib/x\n/usr/lib\nlink\nusr/up/y\nhome/ünïcode"#)
    #expect(
      result.lines == [
        "usr/lib/x: /usr/lib/x, regular file (3 backend calls,",
        "usr/lib/x: /usr/lib/x, regular file (cached,", "/usr/lib: /usr/lib, directory (cached,",
        "link: /usr/lib/x, regular file (1 backend call,",
        "usr/up/y: /home/y, regular file (3 backend calls,",
        "home/ünïcode: /home/ünïcode, regular file (1 backend call,",
      ])
    #expect(result.status == 0)
    #expect(result.errors == "")
  }

  @Test("paths that lead nowhere")
  func nowhere() {
    let result = walk(#"none\nnone\n\nusr/lib/x/y\nloop\n/../..\n"#)
    #expect(
      result.lines == [
        "none: No such file or directory (1 backend call,",
        "none: No such file or directory (cached,",
        "usr/lib/x/y: Not a directory (3 backend calls,",
        "loop: Too many levels of symbolic links (1 backend call,", "/../..: /, directory (cached,",
      ])
    #expect(result.status == 1)
    #expect(result.errors == "")
  }

  @Test("bytes that are no text")
  func bytes() {
    #expect(
      walk(#"\377\033"#).lines == [#"\xff\x1b: No such file or directory (1 backend call,"#])
  }

  @Test("options")
  func options() {
    let tree = Self.makeTree()
    #expect(
      walk("link", "--no-follow", in: tree).lines == ["link: /link, symbolic link (1 backend call,"]
    )
    #expect(
      walk(#"lib\n/home\n.."#, "--from usr", in: tree).lines == [
        "lib: /usr/lib, directory (1 backend call,", "/home: /home, directory (1 backend call,",
        "..: /, directory (cached,",
      ])
    #expect(
      walk(#"lib\nup\n..\n/usr"#, "--from usr --beneath", in: tree).lines == [
        "lib: /usr/lib, directory (1 backend call,",
        "up: Invalid cross-device link (1 backend call,",
        "..: Invalid cross-device link (cached,", "/usr: Invalid cross-device link (cached,",
      ])
    #expect(
      walk(#"/lib\n../..\nup"#, "--from usr --in-root", in: tree).lines == [
        "/lib: /usr/lib, directory (1 backend call,", "../..: /usr, directory (cached,",
        "up: No such file or directory (2 backend calls,",
      ])
  }

  @Test("what is cached is true for its time to live")
  func timeToLive() {
    let tree = Self.makeTree()
    // Once it has been answered, however long that takes.
    let change =
      "until [ -s \"$answers\" ]; do sleep 0.01; done; rm '\(tree.path)/home/y'; sleep 0.1; echo home/y"
    for (ttl, line) in [
      (1, "home/y: No such file or directory (2 backend calls,"),
      (0, "home/y: /home/y, regular file (cached,"),
    ] {
      tree.remove("home/y")
      tree.file("home/y")
      let result = shell(
        """
        answers=$(mktemp)
        { echo home/y; \(change); } | '\(pathOfDcache())' walk '\(tree.path)' --ttl \(ttl) >"$answers"
        cat "$answers"; rm "$answers"
        """)
      let last = result.output.split(separator: "\n").last.map { String($0).withoutInode } ?? ""
      #expect(last.hasPrefix(line), "\(result.output)")
    }
  }

  @Test("a small cache asks again")
  func eviction() {
    let result = walk(
      String(repeating: #"home/y\nusr/lib/x\n"#, count: 3), "--max-entries 3")
    #expect(result.lines.count == 6)
    #expect(result.lines.allSatisfy { $0.contains("backend call") })
    #expect(result.status == 0)
  }

  @Test("an answer is written before the next path is read")
  func interactively() {
    let tree = Self.makeTree()
    let result = shell(
      """
      cd '\(tree.path)'; mkfifo in out
      '\(pathOfDcache())' walk <in >out & pid=$!
      exec 3>in 4<out
      echo home >&3; read -r line <&4; echo "$line"
      echo usr >&3; read -r line <&4; echo "$line"
      exec 3>&-; wait $pid
      """)
    #expect(result.output.split(separator: "\n").count == 2)
    #expect(result.status == 0)
    #expect(!result.output.contains("> "), "a prompt without a terminal")
  }

  @Test("lines longer than what is read at once")
  func longLines() {
    let result = shell(
      "{ head -c 200000 /dev/zero | tr '\\0' x; echo; echo /; } | '\(pathOfDcache())' walk / | "
        + "sed 's/^x*//; s/, inode.*//; s/ (.*//'")
    #expect(result.output == ": File name too long\n/: /, directory\n")
  }

  @Test("what cannot be")
  func failures() {
    let tree = Self.makeTree()
    #expect(dcache("walk /does/not/exist").status == 3)
    let from = dcache("walk '\(tree.path)' --from none </dev/null")
    #expect(from.status == 3)
    #expect(from.errors == "dcache: cannot read 'none': No such file or directory\n")
    #expect(dcache("walk '\(tree.path)' --from link </dev/null").status == 3)
    for arguments in ["--max-entries=-1", "--ttl=-1", "a b", "--no-such"] {
      let result = dcache("walk \(arguments) </dev/null")
      #expect(result.status == 64, "\(arguments)")
      #expect(result.errors.contains("Usage: dcache walk"))
    }
    let full = shell("echo usr | '\(pathOfDcache())' walk / >/dev/full")
    #expect(full.status == 4)
    #expect(full.errors == "dcache: standard output: No space left on device\n")
    let unreadable = dcache("walk / </")
    #expect(unreadable.status == 4)
    #expect(unreadable.errors == "dcache: standard input: Is a directory\n")
  }
}

extension String {
  /// Without what differs from file system to file system.
  fileprivate var withoutInode: String {
    guard let start = range(of: ", inode "), let end = range(of: " (") else { return self }
    return String(self[..<start.lowerBound] + self[end.lowerBound...])
  }

  private func range(of text: String) -> Range<Index>? {
    indices.lazy.first { self[$0...].hasPrefix(text) }
      .map { $0..<index($0, offsetBy: text.count) }
  }
}
