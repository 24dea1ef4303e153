// SPDX-License-Identifier: LGPL-2.1-or-later

/// What `dcache headers --help` says at length.
enum HeadersHelp {
  static let discussion = """
    Makes include directories in a temporary directory, and headers, each in one of them, and has every \
    task look for every header: in one directory after the other, until it is there. So most of what is \
    asked for is missing, and all tasks ask for the same. With --trace it is the paths of a file that \
    every task asks for, in their order.

    It does so by stat(2) and by CachedFileSystem.exists, in the same run: with an empty cache, and again \
    with what that left; when each call sees to it that all changes before it are known (strict), and when \
    a thread in the background does (relaxed), from as many threads; and strict from as many tasks of \
    Swift's. The answers of the cache are compared with stat's.

    asked: calls of the host about files, directories or watches. polls: questions to the kernel whether \
    anything has changed, one for each strict call; they resolve no path. Times are by the clock, \
    of all tasks together, for one path that one task asks for.

    Exit status: 0; 1: an answer was wrong; 3: the trace cannot be read; 4: out of threads, memory or disk \
    space; 64: usage; 130: interrupted.
    """
}
