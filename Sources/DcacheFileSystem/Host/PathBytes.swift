// SPDX-License-Identifier: LGPL-2.1-or-later

// Paths are bytes: components separated by `/`, none of them empty.

/// The separator of components.
///
/// Computed: a stored global is initialised on first use, which a debug build does under a lock, for
/// which hundreds of threads at once would have to queue.
package var slash: UInt8 { UInt8(ascii: "/") }

extension [UInt8] {
  /// Lend the path as C calls take it; `.` if it is empty.
  package func withCPath<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    span.withCPath(body)
  }
}

extension Span<UInt8> {
  /// Where the component that begins at `start` ends.
  package func endOfComponent(from start: Int) -> Int {
    var end = start
    while end < count, self[end] != slash { end += 1 }
    return end
  }

  /// Where the last component begins.
  package var startOfLastComponent: Int {
    var start = count
    while start > 0, self[start - 1] != slash { start -= 1 }
    return start
  }

  /// The same bytes in memory of their own.
  package func copied() -> [UInt8] {
    // The standard library would write the count into the empty array that all share: a race.
    guard !isEmpty else { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      for index in indices { buffer.initializeElement(at: index, to: self[index]) }
      initialized = count
    }
  }

  /// Are they the same bytes?
  package func isEqual(to other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in indices where self[index] != other[index] { return false }
    return true
  }

  /// Lend the path as C calls take it; `.` if it is empty.
  package func withCPath<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: count + 2) { buffer in
      buffer.initialize(repeating: 0)
      for index in indices { buffer[index] = CChar(bitPattern: self[index]) }
      if isEmpty { buffer[0] = CChar(bitPattern: UInt8(ascii: ".")) }
      return body(UnsafePointer(buffer.baseAddress.unsafelyUnwrapped))
    }
  }
}
