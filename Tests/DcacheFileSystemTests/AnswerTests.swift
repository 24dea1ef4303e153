// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem
import Glibc
import Testing

@Suite struct AnswerTests {
  let tree: Tree
  let files: CachedFileSystem

  init() throws {
    tree = try Tree()
    files = try CachedFileSystem(directory: tree.path)
  }

  @Test func `what was asked is not asked again`() throws {
    tree.make(directory: "a")
    tree.write("a/f", "four")
    #expect(try files.status(of: tree.at("a/f")).size == 4)
    #expect(try files.status(of: tree.at("a/f")).size == 4)
    #expect(try !files.exists(tree.at("a/g")))
    let before = files.statistics
    for _ in 0..<10 {
      #expect(try files.status(of: tree.at("a/f")).size == 4)
      #expect(try files.exists(tree.at("a/f")))
      #expect(try !files.exists(tree.at("a/g")))
      #expect(try files.realpath(of: tree.at("a/../a/f")) == Host.realpath(tree.at("a/f")).get())
    }
    #expect(files.hasAskedNothing(since: before))
    #expect(files.statistics.passedOn == 0)
  }

  @Test func `all of a status is the host's`() throws {
    tree.write("f", "text")
    tree.setMode("f", 0o4751)
    tree.make(otherName: "g", of: "f")
    tree.make(link: "l", to: "f")
    tree.make(directory: "d")
    #expect(mkfifo(tree.at("p"), 0o600) == 0)
    for name in ["f", "g", "l", "d", "p", ".", "absent", "f/x", "l/x", "d/x"] {
      for _ in 0..<3 {
        for follow in [false, true] {
          let path = tree.at(name)
          #expect(
            files.seen(path, followingSymlinks: follow)
              == Host.status(path, followingSymlinks: follow), "\(name)")
        }
      }
    }
    #expect(files.seen("/dev/null") == Host.status("/dev/null"))
  }

  @Test func `a directory is listed once, and answers for what it does not have`() throws {
    tree.make(directory: "d")
    tree.write("d/b")
    tree.make(link: "d/a", to: "nowhere")
    tree.make(directory: "d/c")
    let entries = try files.entries(of: tree.at("d"))
    #expect(entries.map(\.name) == ["a", "b", "c"])
    #expect(entries.map(\.kind) == [.symlink, .regular, .directory])
    #expect(try files.names(tree.at("d")) == ["a", "b", "c"])
    let before = files.statistics
    #expect(before.listed == 1 || before.forgotten > 0)
    for name in ["", "aa", "d", "B", "zzz"] where !name.isEmpty {
      #expect(try !files.exists(tree.at("d/\(name)")))
    }
    #expect(files.hasAskedNothing(since: before))
    #expect(throws: FileSystemError(.notDirectory, path: Array(tree.at("d/b").utf8))) {
      try files.entries(of: tree.at("d/b"))
    }
    #expect(throws: FileSystemError(.noSuchFileOrDirectory, path: Array("absent".utf8))) {
      try files.entries(of: "absent")
    }
  }

  @Test func `a directory where much is missing is listed`() throws {
    tree.make(directory: "d")
    tree.write("d/f")
    for name in 0..<100 { #expect(try !files.exists("d/\(name)")) }
    #expect(try files.exists("d/f"))
    let statistics = files.statistics
    #expect(statistics.listed == 1 || statistics.forgotten > 0)
    #expect(statistics.asked < 20 || statistics.forgotten > 0)
    tree.write("d/50")
    for name in 0..<100 { #expect(try files.exists("d/\(name)") == (name == 50)) }

    var options = CachedFileSystem.Options()
    options.missesBeforeListing = 0
    let never = try CachedFileSystem(directory: tree.path, options: options)
    for name in 100..<200 { #expect(try !never.exists("d/\(name)")) }
    #expect(never.statistics.listed == 0)
    #expect(never.statistics.asked >= 100)
  }

  @Test func `paths without a slash begin in the directory`() throws {
    tree.make(directory: "d")
    tree.write("d/f")
    #expect(try files.exists("d/f"))
    #expect(try files.realpath(of: "d/./f") == Host.realpath(tree.at("d/f")).get())
    #expect(try !files.exists("f"))
    let here = try CachedFileSystem()
    #expect(try here.realpath(of: ".") == Host.realpath(".").get())
  }

  @Test func `paths that are none`() throws {
    let long = String(repeating: "a", count: 256)
    let longer = String(repeating: "a/", count: 2048)
    for path in ["", long, "/" + longer, "/tmp/" + long, "/tmp" + String(longer.dropLast(6))] {
      #expect(files.seen(path) == Host.status(path), "\(path.count)")
    }
    #expect(throws: FileSystemError(.invalidArgument, path: [97, 0, 98])) {
      try files.status(of: "a\0b")
    }
  }

  @Test func `links lead where they do on the host`() throws {
    tree.make(directory: "d")
    tree.write("d/f")
    tree.make(link: "l", to: "d")
    tree.make(link: "d/up", to: "../l/f")
    tree.make(link: "round", to: "round")
    tree.make(link: "whole", to: tree.at("d/f"))
    tree.make(link: "own", to: "/proc/self/status")
    tree.make(link: "dangling", to: "d/g")
    #expect(try files.linkTargetBytes(of: "l") == Array("d".utf8))
    #expect(throws: FileSystemError(.invalidArgument, path: Array("d/f".utf8))) {
      try files.linkTargetBytes(of: "d/f")
    }
    for name in [
      "l", "l/", "l/f", "d/up", "round", "round/x", "whole", "dangling", "own", "l/..", "l/../d/up",
    ] {
      let path = tree.at(name)
      for _ in 0..<2 {
        #expect(files.realpathResult(path) == Host.realpath(path), "\(name)")
        if name != "own" {
          #expect(files.seen(path) == Host.status(path), "\(name)")
          #expect(
            files.seen(path, followingSymlinks: false)
              == Host.status(path, followingSymlinks: false), "\(name)")
        }
      }
    }
    #expect(try !files.exists("round"))
    #expect(try !files.exists("dangling"))
  }

  @Test func `names in any case`() throws {
    tree.make(directory: "Include")
    tree.write("Include/StdIO.h")
    tree.write("Include/stdio.H")
    tree.write("Include/Straße")
    tree.make(link: "Link", to: "include")
    let root = try Host.realpath(tree.path).get()
    func resolve(_ path: String) throws -> String {
      String(try files.resolve(path, ignoringCase: true).dropFirst(root.count))
    }
    #expect(try resolve("Include/stdio.H") == "/Include/stdio.H")
    #expect(try resolve("INCLUDE/STDIO.H") == "/Include/StdIO.h")
    #expect(try resolve("include/../include/STRASSE") == "/Include/Straße")
    #expect(try resolve("LINK/strasse") == "/Include/Straße")
    #expect(throws: FileSystemError.self) { try resolve("include/strass") }
    #expect(throws: FileSystemError.self) { try resolve("include/strasse/x") }
    #expect(throws: FileSystemError.self) { try files.resolve("include", ignoringCase: false) }
    let before = files.statistics
    #expect(try resolve("include/strassE") == "/Include/Straße")
    #expect(files.hasAskedNothing(since: before))
    tree.rename("Include/Straße", "Include/STRAsse")
    #expect(try resolve("include/strassE") == "/Include/STRAsse")
  }

  @Test func `what nobody tells of is the host's to answer`() throws {
    let path = "/proc/self/fd"
    #expect(try files.realpath(of: "/proc/self") == Host.realpath("/proc/self").get())
    // Numbers that nobody else takes meanwhile.
    let null = open("/dev/null", O_RDONLY)
    let file = fcntl(null, F_DUPFD, 900)
    #expect(try files.exists("\(path)/\(file)"))
    #expect(try files.names(path).contains("\(file)"))
    close(file)
    #expect(try !files.exists("\(path)/\(file)"))
    #expect(try !files.names(path).contains("\(file)"))
    close(null)
    #expect(files.statistics.passedOn >= 4)
  }

  @Test func `a root of its own is not left`() throws {
    tree.make(directory: "root")
    tree.make(directory: "root/d")
    tree.write("f", "outside")
    tree.write("root/f", "in")
    tree.make(link: "root/d/l", to: "/f")
    tree.make(link: "root/d/up", to: "../../../f")
    let files = try CachedFileSystem(root: tree.at("root"))
    for path in ["f", "/f", "../f", "/../../f", "d/l", "d/up"] {
      for _ in 0..<2 {
        #expect(try files.status(of: path).size == 2, "\(path)")
        #expect(try files.realpath(of: path) == "/f")
      }
    }
    #expect(try files.realpath(of: "..") == "/")
    #expect(try files.names("/") == ["d", "f"])
    tree.rename("root", "moved")
    tree.write("moved/f", "more")
    #expect(try files.status(of: "d/l").size == 4)
    #expect(throws: FileSystemError.self) { try CachedFileSystem(root: tree.at("root")) }
  }

  @Test func `a root of its own, of which nobody tells`() throws {
    tree.make(directory: "d")
    tree.write("f", "in")
    tree.make(link: "d/l", to: "/f")
    tree.make(link: "d/up", to: "../../../f")
    var options = CachedFileSystem.Options()
    options.maxWatches = 0
    let files = try CachedFileSystem(root: tree.path, options: options)
    for path in ["f", "/f", "../f", "d/l", "d/up"] {
      #expect(try files.status(of: path).size == 2, "\(path)")
      #expect(try files.realpath(of: path) == "/f")
    }
    #expect(try files.linkTargetBytes(of: "d/l") == Array("/f".utf8))
    #expect(try files.status(of: "d/l", followingSymlinks: false).kind == .symlink)
    #expect(try files.names("d") == ["l", "up"])
    #expect(try files.realpath(of: "..") == "/")
    #expect(files.statistics.watches == 0)
    #expect(files.statistics.passedOn == 13)
  }

  @Test func `closed`() throws {
    tree.write("f")
    #expect(try files.exists("f"))
    files.close()
    files.close()
    #expect(throws: FileSystemError(DcacheError(rawValue: EBADF), path: [102])) {
      try files.exists("f")
    }
  }

  @Test func `settings out of range`() {
    func refuses(_ change: (inout CachedFileSystem.Options) -> Void) {
      var options = CachedFileSystem.Options()
      change(&options)
      #expect(throws: FileSystemError(.invalidArgument, path: [47])) {
        try CachedFileSystem(options: options)
      }
    }
    refuses { $0.maxWatches = -1 }
    refuses { $0.maxFileWatches = -1 }
    refuses { $0.maxListedNames = -1 }
    refuses { $0.maxEntries = -1 }
    refuses { $0.missesBeforeListing = -1 }
    refuses { $0.unwatched = .trusted(for: .zero) }
  }
}
