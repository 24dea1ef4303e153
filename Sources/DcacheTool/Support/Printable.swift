// SPDX-License-Identifier: LGPL-2.1-or-later

/// A path as it can be shown on a terminal: control characters, backslashes and bytes that are not
/// UTF-8 as `\xHH`.
func printable(_ path: [UInt8]) -> String {
  var result = ""
  var rest = path[...]
  while let byte = rest.first {
    if let scalar = firstScalar(of: rest), isPlain(scalar) {
      result.unicodeScalars.append(scalar)
      rest = rest.dropFirst(UTF8.width(scalar))
    } else {
      result += #"\x"# + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      rest = rest.dropFirst()
    }
  }
  return result
}

private func isPlain(_ scalar: Unicode.Scalar) -> Bool {
  scalar != "\\" && scalar.properties.generalCategory != .control
}

/// The scalar that the bytes begin with, if that is valid UTF-8.
private func firstScalar(of bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
  var iterator = bytes.makeIterator()
  var decoder = UTF8()
  guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
  return scalar
}
