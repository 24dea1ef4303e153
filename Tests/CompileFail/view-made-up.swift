// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: initializer is inaccessible
//
// Views come from sections only.

import Dcache

final class File: Sendable {}

func see(_ view: borrowing DentryView<File>) -> Bool {
  DentryView<File>(raw: view, sequence: 0).isPositive
}
