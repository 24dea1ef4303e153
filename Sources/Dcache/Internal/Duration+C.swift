// SPDX-License-Identifier: LGPL-2.1-or-later

extension Duration {
  /// In nanoseconds, rounded up: a positive one never becomes 0. Negative ones are 0, and what the
  /// library takes for ever is never reached.
  internal var rawNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let fraction = UInt64(attoseconds).quotientRoundedUp(by: 1_000_000_000)
    let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = whole.addingReportingOverflow(fraction)
    return overflow || carry || sum == .max ? .max - 1 : sum
  }

  /// In microseconds, rounded up. Throws ``DcacheError/invalidArgument`` if 32 bits do not hold them.
  internal func rawMicroseconds() throws(DcacheError) -> UInt32 {
    guard self >= .zero,
      let result = UInt32(exactly: rawNanoseconds.quotientRoundedUp(by: 1000))
    else { throw .invalidArgument }
    return result
  }
}

extension UInt64 {
  fileprivate func quotientRoundedUp(by divisor: UInt64) -> UInt64 {
    self / divisor + (self % divisor == 0 ? 0 : 1)
  }
}
