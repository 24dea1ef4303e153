// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc
import Testing

@testable import DcacheFileSystem

// One after the other: a user may have 128 instances of inotify's.

/// Random paths in random trees with random links, changed at random: what the cache says is what
/// `stat`, `lstat`, `realpath` and `readdir` say.
@Suite(.serialized) struct RandomPathTests {
  @Test(arguments: 0..<20)
  func `as the host`(seed: UInt64) throws {
    var random = Random(seed: seed)
    let tree = try Tree()
    var options = CachedFileSystem.Options()
    options.maxEntries = [0, 20, 200][Int(seed % 3)]
    options.maxNegatives = [0, 5][Int(seed % 2)]
    if seed % 5 == 4 { options.maxWatches = 8 }
    let files = try CachedFileSystem(directory: tree.path, options: options)
    for step in 0..<150 {
      change(tree, &random)
      for _ in 0..<20 {
        let path = tree.at(path(&random))
        // Above are directories of other tests.
        if let real = try? Host.realpath(path).get(), !real.hasPrefix(tree.path) { continue }
        for follow in [true, false] {
          #expect(
            files.seen(path, followingSymlinks: follow)
              == Host.status(path, followingSymlinks: follow), "\(seed), \(step): \(path)")
        }
        #expect(
          files.realpathResult(path) == Host.realpath(path), "\(seed), \(step): \(path)")
        if case .success(let status) = Host.status(path), status.mode & S_IFMT == S_IFDIR {
          #expect(try files.names(path) == Host.names(path), "\(seed), \(step): \(path)")
        }
      }
    }
  }

  private static let names = ["a", "b", "c", "d"]

  /// Of names that there may be, `.` and `..`, and superfluous slashes.
  private func path(_ random: inout Random) -> String {
    let count = 1 + random.below(5)
    var path = (0..<count).map { _ in
      random.of(Self.names + Self.names + ["..", "."])
    }.joined(separator: random.below(8) == 0 ? "//" : "/")
    if random.below(6) == 0 { path += "/" }
    return path
  }

  private func change(_ tree: Tree, _ random: inout Random) {
    // Many of these cannot be done, which is as well.
    let (one, other) = (tree.at(path(&random)), tree.at(path(&random)))
    switch random.below(9) {
    case 0, 1: mkdir(one, 0o755)
    case 2, 3:
      let file = open(one, O_CREAT | O_WRONLY | O_CLOEXEC, 0o644)
      if file >= 0 {
        write(file, "text", 1 + random.below(4))
        close(file)
      }
    case 4: symlink(path(&random), one)
    case 5: symlink(tree.at(path(&random)), one)
    case 6: Glibc.rename(one, other)
    case 7: Glibc.remove(one)
    default: link(one, other)
    }
  }
}
