// SPDX-License-Identifier: LGPL-2.1-or-later

public import Dcache
import Glibc

extension CachedFileSystem {
  /// The path of the same file from the root without links, each name as it is stored, for a path whose
  /// names may differ from the stored ones in case.
  ///
  ///     try files.resolve("/usr/INCLUDE/StdIO.h", ignoringCase: true)  // /usr/include/stdio.h
  ///
  /// A name that is stored as it is given is that one; of several others, the first in the order of their
  /// bytes. Names are compared as in case-insensitive directories of `Dcache`: by Unicode's full case
  /// folding, composed and decomposed letters alike. So are the names in the targets of links.
  ///
  /// With U+FFFD for what is not UTF-8; ``resolveBytes(_:ignoringCase:)`` has the bytes.
  ///
  /// - Throws: what the host says, `ENOENT` for what does not exist in any spelling.
  @available(*, noasync)
  public func resolve<Path: DentryName>(
    _ path: Path, ignoringCase: Bool
  ) throws(FileSystemError) -> String {
    String(decoding: try resolveBytes(path, ignoringCase: ignoringCase), as: UTF8.self)
  }

  /// The bytes of the path of the same file, each name as it is stored.
  @available(*, noasync)
  public func resolveBytes<Path: DentryName>(
    _ path: Path, ignoringCase: Bool
  ) throws(FileSystemError) -> [UInt8] {
    try answer(path) { path throws(DcacheError) in
      try resolve(path, ignoringCase: ignoringCase)
    }
  }

  internal func resolve(
    _ path: Span<UInt8>, ignoringCase: Bool
  ) throws(DcacheError) -> [UInt8] {
    do throws(DcacheError) {
      return try realpath(of: path)
    } catch .noSuchFileOrDirectory where ignoringCase {
      var resolution = Resolution(files: self)
      try resolution.follow(path)
      return resolution.path.isEmpty ? [slash] : resolution.path
    }
  }
}

/// A path that is followed name by name.
private struct Resolution {
  let files: CachedFileSystem
  /// Where it is: without links, and without a `/` at its end.
  private(set) var path: [UInt8] = []
  private var links = 0

  init(files: CachedFileSystem) {
    self.files = files
  }

  mutating func follow(_ rest: Span<UInt8>) throws(DcacheError) {
    if rest[0] == slash { path = [] }
    var start = 0
    while start < rest.count {
      let end = rest.endOfComponent(from: start)
      if end > start { try step(rest.extracting(start..<end), isLast: end == rest.count) }
      start = end + 1
    }
  }

  private mutating func step(_ name: Span<UInt8>, isLast: Bool) throws(DcacheError) {
    if name.isDot { return }
    if name.isDotDot {
      path = Array(path[..<max(path.span.startOfLastComponent - 1, 0)])
      return
    }
    var next = path + [slash] + name.copied()
    var kind: FileKind
    do throws(DcacheError) {
      kind = try files.kind(of: next.span)
    } catch .noSuchFileOrDirectory {
      let directory = path.isEmpty ? [slash] : path
      guard let stored = try files.listing(of: directory.span).storedSpelling(of: name)
      else { throw .noSuchFileOrDirectory }
      next = path + [slash] + stored
      kind = try files.kind(of: next.span)
    }
    if kind == .symlink { return try follow(linkAt: next) }
    guard isLast || kind == .directory else { throw .notDirectory }
    path = next
  }

  private mutating func follow(linkAt link: [UInt8]) throws(DcacheError) {
    links += 1
    guard links <= 40 else { throw .tooManySymbolicLinkLevels }
    let target = try files.linkTarget(of: link.span)
    guard !target.isEmpty else { throw .noSuchFileOrDirectory }
    try follow(target.span)
  }
}

extension Span<UInt8> {
  fileprivate var isDot: Bool { count == 1 && self[0] == UInt8(ascii: ".") }

  fileprivate var isDotDot: Bool {
    count == 2 && self[0] == UInt8(ascii: ".") && self[1] == UInt8(ascii: ".")
  }
}
