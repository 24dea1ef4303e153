// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// The names of a directory as they were read, sorted by their bytes.
final class Listing: Sendable {
  let kinds: [FileKind]
  private let bytes: [UInt8]
  /// Where each name ends in `bytes`.
  private let ends: [Int]
  /// The first stored spelling of each folded name; made when it is first needed.
  private let folded = Locked<[[UInt8]: Int]?>(nil)

  init(_ entries: [DirectoryEntry]) {
    let sorted = entries.sorted { $0.nameBytes.lexicographicallyPrecedes($1.nameBytes) }
    kinds = sorted.map(\.kind)
    var bytes: [UInt8] = []
    var ends: [Int] = []
    ends.reserveCapacity(sorted.count)
    for entry in sorted {
      bytes += entry.nameBytes
      ends.append(bytes.count)
    }
    self.bytes = bytes
    self.ends = ends
  }

  /// Where a name is in `bytes`.
  private func range(at index: Int) -> Range<Int> {
    (index == 0 ? 0 : ends[index - 1])..<ends[index]
  }

  func name(at index: Int) -> [UInt8] {
    Array(bytes[range(at: index)])
  }

  /// Is the name stored, in this spelling?
  func contains(_ name: Span<UInt8>) -> Bool {
    let bytes = self.bytes
    var (low, high) = (0, ends.count)
    while low < high {
      let middle = (low + high) / 2
      let stored = bytes.span.extracting(range(at: middle))
      if stored.isEqual(to: name) { return true }
      if stored.precedes(name) { low = middle + 1 } else { high = middle }
    }
    return false
  }

  /// A stored spelling that is equal to `name` but for case, the first one in the order of bytes.
  func storedSpelling(of name: Span<UInt8>) -> [UInt8]? {
    folded.withLock { table in
      if table == nil {
        var new: [[UInt8]: Int] = [:]
        let bytes = self.bytes
        for index in kinds.indices.reversed() {
          new[bytes.span.extracting(range(at: index)).caseFolded] = index
        }
        table = new
      }
      return table?[name.caseFolded].map { self.name(at: $0) }
    }
  }
}

extension Span<UInt8> {
  fileprivate func precedes(_ other: Span<UInt8>) -> Bool {
    for index in 0..<Swift.min(count, other.count) where self[index] != other[index] {
      return self[index] < other[index]
    }
    return count < other.count
  }

  /// The same for names that are equal but for case, by the rule of case-insensitive directories. Calls
  /// `casefold_name`.
  fileprivate var caseFolded: [UInt8] {
    withUnsafeBytes { name in
      withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CASEFOLD_MAX)) { buffer in
        let length = casefold_name(
          name.baseAddress?.assumingMemoryBound(to: CChar.self), name.count, buffer.baseAddress,
          buffer.count)
        return buffer.prefix(Int(Swift.max(length, 0))).map(UInt8.init(bitPattern:))
      }
    }
  }
}
