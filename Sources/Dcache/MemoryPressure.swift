// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcache

/// When the kernel's pressure stall information is to make a cache shrink, `struct dcache_psi`: see
/// ``DentryCache/watchMemoryPressure(_:)``.
public struct MemoryPressure: Sendable, Hashable {
  /// Some task waited for memory for so long …
  public var stall: Duration

  /// … in such a time: 0.5 to 10 seconds; without privileges, a multiple of 2 seconds.
  public var window: Duration

  /// How much of what is unused is then freed: 1 to 100.
  public var percent: Int

  /// The file to watch; nil: that of the process's control group, else the machine's.
  public var path: String?

  /// The defaults are the library's.
  public init(
    stall: Duration = .milliseconds(100), window: Duration = .seconds(2), percent: Int = 10,
    path: String? = nil
  ) {
    self.stall = stall
    self.window = window
    self.percent = percent
    self.path = path
  }

  /// Lend it as the C library takes it.
  internal func withRawValue<Result>(
    _ body: (UnsafePointer<dcache_psi>) -> Result
  ) throws(DcacheError) -> Result {
    guard let percent = UInt32(exactly: percent) else { throw .invalidArgument }
    var settings = dcache_psi()
    settings.stall_us = try stall.rawMicroseconds()
    settings.window_us = try window.rawMicroseconds()
    settings.percent = percent
    guard let path else { return body(&settings) }
    return path.withCString { path in
      settings.path = path
      return body(&settings)
    }
  }
}
