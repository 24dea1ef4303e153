// SPDX-License-Identifier: LGPL-2.1-or-later

/// What can be given as the name of an entry: bytes.
///
/// A name is one component of a path: 1 to 255 bytes, any byte but `/` and NUL, UTF-8 or not.
/// Strings, substrings, arrays and array slices of bytes, and spans of bytes are names; looking one
/// up neither copies nor allocates. A type of your own becomes one by lending its bytes:
///
///     extension FilePath.Component: DentryName {
///       func withNameBytes<R: ~Copyable, E: Error>(
///         _ body: (RawSpan) throws(E) -> R
///       ) throws(E) -> R {
///         try string.withNameBytes(body)
///       }
///     }
public protocol DentryName: ~Escapable {
  /// Lend the bytes of the name to `body`, which may be called in a read section: neither block nor
  /// use the cache.
  func withNameBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result
}

extension String: DentryName {
  /// The UTF-8 of the string, where it lies.
  @inlinable
  public func withNameBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(utf8Span.span.bytes)
  }
}

extension Substring: DentryName {
  /// The UTF-8 of the substring, where it lies.
  @inlinable
  public func withNameBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(utf8Span.span.bytes)
  }
}

extension Array: DentryName where Element == UInt8 {
  /// The elements, where they lie.
  @inlinable
  public func withNameBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(span.bytes)
  }
}

extension ArraySlice: DentryName where Element == UInt8 {
  /// The elements, where they lie.
  @inlinable
  public func withNameBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(span.bytes)
  }
}

extension Span: DentryName where Element == UInt8 {
  /// The elements, where they lie.
  @inlinable
  public func withNameBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(bytes)
  }
}

extension RawSpan: DentryName {
  /// The bytes themselves.
  @inlinable
  public func withNameBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(self)
  }
}
