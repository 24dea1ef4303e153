// SPDX-License-Identifier: LGPL-2.1-or-later
// expect-error: cannot convert value of type 'DentryView<File>' to expected argument type 'Dentry<File>'
//
// Outside of its section a view is no directory to look in.

import Dcache

final class File: Sendable {}

func see(_ cache: DentryCache<File>, _ view: borrowing DentryView<File>) {
  _ = cache.lookup(parent: view, name: "x")
}
