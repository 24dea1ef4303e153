// SPDX-License-Identifier: LGPL-2.1-or-later

/// Text in a field: right-aligned, or left-aligned if `width` is negative.
func padded(_ text: String, to width: Int) -> String {
  let padding = String(repeating: " ", count: max(abs(width) - text.count, 0))
  return width < 0 ? text + padding : padding + text
}
