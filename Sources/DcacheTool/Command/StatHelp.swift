// SPDX-License-Identifier: LGPL-2.1-or-later

/// What `dcache stat --help` says at length.
enum StatHelp {
  static let discussion = """
    The counters are read when all phases of `dcache resolve` are over, and nobody changes them. Some \
    count what is there now, others what has happened since the cache was made. Answers are checked as \
    by `resolve`.

    Exit status: as of `dcache resolve`.

    JSON: one object: directory, paths, threads, maxEntries, as of `resolve`; counters: entries, \
    negatives, unused, inLookup, inodes, pendingPuts, pendingFrees, pendingBytes, bytes, overLimit, \
    buckets, inLookupBuckets, inserted, renames, resizes, lookupsStarted, lookupsWaited, \
    outcomesShared, overtaken, evicted.
    """
}
