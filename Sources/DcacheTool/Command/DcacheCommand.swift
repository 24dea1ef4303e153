// SPDX-License-Identifier: LGPL-2.1-or-later

import ArgumentParser

/// The command `dcache`.
@main
struct DcacheCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dcache",
    abstract: "Try the dentry cache on a real directory tree.",
    subcommands: [ResolveCommand.self, WalkCommand.self, StatCommand.self, HeadersCommand.self])
}
