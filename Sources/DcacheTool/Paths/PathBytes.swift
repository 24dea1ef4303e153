// SPDX-License-Identifier: LGPL-2.1-or-later

extension UInt8 {
  /// Is it an ASCII letter?
  var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }

  /// The other case of an ASCII letter; other bytes as they are.
  var caseFlipped: UInt8 { isLetter ? self ^ 0x20 : self }

  /// The lower case of an ASCII letter; other bytes as they are.
  var caseFolded: UInt8 { isLetter ? self | 0x20 : self }
}
