// SPDX-License-Identifier: LGPL-2.1-or-later

import ArgumentParser
import Dcache
import DcacheFileSystem
import Glibc

/// `dcache walk`.
struct WalkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "walk",
    abstract: "Look up paths of a directory tree that are read from standard input.",
    discussion: WalkHelp.discussion)

  @Argument(help: "The directory.")
  var directory = "."

  @Option(
    help: ArgumentHelp(
      "Where paths begin that do not begin with /: a directory in the tree.", valueName: "path"))
  var from = "/"

  @Flag(help: "If a path ends at a symbolic link, that is what it leads to.")
  var noFollow = false

  @Flag(help: "No path may leave the directory where it begins.")
  var beneath = false

  @Flag(help: "The directory where paths begin is / for them.")
  var inRoot = false

  @Option(
    help: ArgumentHelp("Entries that the cache keeps at most; 0: no limit.", valueName: "count"))
  var maxEntries = 0

  @Option(
    help: ArgumentHelp(
      "How long what is cached is true, in milliseconds; 0: for ever.", valueName: "ms"))
  var ttl = 0

  func validate() throws {
    guard maxEntries >= 0, ttl >= 0 else {
      throw ValidationError("--max-entries and --ttl must not be negative.")
    }
  }

  func run() throws {
    let host = try HostDirectory.opened(directory)
    let session = try makeSession(host)
    let isInteractive = isatty(STDIN_FILENO) == 1 && StandardStream.output.isTerminal
    var input = LineReader(descriptor: STDIN_FILENO)
    var foundAll = true
    if isInteractive { try prompt() }
    while let path = try next(&input) {
      if !path.isEmpty {
        let answer = session.walk(path)
        foundAll = foundAll && answer.isFound
        try StandardStream.output.show("\(answer)\n")
      }
      if isInteractive { try prompt() }
    }
    if isInteractive { try StandardStream.output.show("\n") }
    if !foundAll { throw ExitStatus.notFound }
  }

  private func prompt() throws {
    try StandardStream.output.show("> ")
  }

  private func next(_ input: inout LineReader) throws -> [UInt8]? {
    do throws(DcacheError) {
      return try input.next()
    } catch {
      throw ExitStatus.noResources.because("standard input: \(error)")
    }
  }

  private func makeSession(_ host: HostDirectory) throws -> WalkSession {
    var options: WalkOptions = []
    if noFollow { options.insert(.noFollow) }
    if beneath { options.insert(.beneath) }
    if inRoot { options.insert(.inRoot) }
    let time = ttl > 0 ? Duration.milliseconds(ttl) : nil
    let cache = CacheOptions(
      maxEntries: maxEntries, positiveTimeToLive: time, negativeTimeToLive: time)
    do throws(DcacheError) {
      return try WalkSession(host, from: from, options, cache)
    } catch .noMemory, .resourceTemporarilyUnavailable {
      throw ExitStatus.noResources.because("no cache: \(DcacheError.noMemory)")
    } catch {
      throw HostDirectory.cannotRead(from, error)
    }
  }
}
