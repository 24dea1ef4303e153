// SPDX-License-Identifier: LGPL-2.1-or-later

/// What `dcache walk --help` says at length.
enum WalkHelp {
  static let discussion = """
    Reads paths from standard input, a line each, and resolves each by dcache_walk in a cache over the \
    directory, the host's file system being its backend. The directory is what / means, for paths and \
    for symbolic links, as under chroot(8); no path leads out of it.

    For each path a line: where it led, what is there, whether the cache knew all of it or how many names \
    the host had to be asked for, and how long it took by the clock. What is cached is not asked for \
    again, so changes of the tree are seen when the time to live is over, see --ttl.

    Exit status: 0: all paths led somewhere; 1: one did not; 3: the directory cannot be read; 4: out of \
    memory or disk space, or standard input cannot be read; 64: usage.
    """
}
