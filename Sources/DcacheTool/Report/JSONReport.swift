// SPDX-License-Identifier: LGPL-2.1-or-later

import FoundationEssentials

/// A report that programs read.
protocol JSONReport: Encodable {}

extension JSONReport {
  /// As one JSON object, its keys in alphabetical order.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}
