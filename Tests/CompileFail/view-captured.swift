// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: 'view' cannot be captured by an escaping closure since it is a borrowed parameter
//
// An entry that is only seen does not go to another thread.

import Dcache

final class File: Sendable {}

func see(_ view: borrowing DentryView<File>) -> () -> Void {
  return { print(view.isPositive) }
}
