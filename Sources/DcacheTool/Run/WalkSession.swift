// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc

/// A cache over a tree, and the paths that are looked up in it one after the other.
struct WalkSession: ~Copyable {
  private let cache: DentryCache<WalkedFile>
  private let backend: WalkBackend
  private let base: Dentry<WalkedFile>
  private let options: WalkOptions

  /// A cache that knows nothing yet but the directory `from`, where paths begin.
  init(
    _ files: any FileSystemView, from: String, _ options: WalkOptions, _ settings: CacheOptions
  ) throws(DcacheError) {
    let backend = WalkBackend(files)
    let top = try backend.top()
    let cache = try DentryCache(
      root: top, number: top.identity.inode, options: settings, backend: backend)
    base = try cache.walk(from, options: .directory)
    self.cache = cache
    self.backend = backend
    self.options = options
  }

  /// Look up a path.
  func walk(_ path: [UInt8]) -> WalkAnswer {
    let callsBefore = backend.calls
    var time = Stopwatch()
    var finding = Finding.absent
    var place: [UInt8] = []
    do throws(DcacheError) {
      let began = Stopwatch.read(CLOCK_MONOTONIC)
      defer { time.elapsed = Stopwatch.read(CLOCK_MONOTONIC) - began }
      let entry = try cache.walk(path, from: base, options: options)
      if let file = entry.payload { finding = .present(file.identity) }
      place = entry.pathBytes
    } catch {
      finding = .failed(error.rawValue)
    }
    return WalkAnswer(
      path: path, place: place, finding: finding, backendCalls: backend.calls - callsBefore,
      nanoseconds: time.elapsed)
  }
}
