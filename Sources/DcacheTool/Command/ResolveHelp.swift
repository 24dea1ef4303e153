// SPDX-License-Identifier: LGPL-2.1-or-later

/// What `dcache resolve --help` says at length.
enum ResolveHelp {
  static let discussion = """
    Builds a cache over the directory, the host's file system being its backend, and resolves every \
    path below it in all threads at once, in four phases: cold; warm, the same again; missing, with \
    names that do not exist; and wrong case, with the case of the last component's letters flipped, \
    answered by d_add_ci. Each answer is compared with lstat(2): existence, kind, inode, device. What \
    changes meanwhile is counted and is not wrong.

    Exit status: 0: all answers were right; 1: one was wrong, or the backend was asked twice for one \
    name; 3: the directory cannot be read; 4: out of memory, threads or disk space; 64: usage; \
    130: interrupted.

    JSON: one object. Of the tree: directory, paths, directories, symlinks, special, mountPoints, \
    notUTF8, unreadable, vanished, changed, tooLong, ambiguousCase, truncated, pathListBytes. Of the \
    run: threads, maxEntries, wrongAnswers, and wrong, a list of the first ones: phase, path, \
    expected, got. memory, after the cold phase: entries, bytes, bytesPerEntry, residentBytes, \
    residentBytesPerEntry. phases, a list: name (cold, warm, missing, wrongCase), paths, lookups \
    (paths times threads), names (components looked up: hits + backendCalls + savedByWaiting), hits, \
    backendCalls, savedByWaiting, negatives, errors, evicted, wrong; in nanoseconds of processor time \
    nsPerLookup and statNsPerLookup, by the clock elapsedNsPerLookup and statElapsedNsPerLookup.
    """
}
