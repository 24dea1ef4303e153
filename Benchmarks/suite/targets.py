# SPDX-License-Identifier: LGPL-2.1-or-later
"""What issue 6 wants to be reached, for table.py: one line a target."""

import fnmatch
from typing import NamedTuple, Optional

import results

# What ours is compared with, if not with a subject of the row: the peer that costs the least; itself in
# one thread; nothing, as the limit is a figure of its own.
BEST, ONE_THREAD, NOTHING = "the best peer", "one thread", ""

MILLION = 1_000_000


class Target(NamedTuple):
    row: str  # as a pattern of the shell's
    most: float  # the ratio, or the figure
    entries: Optional[int] = None  # None: of any number, where nothing is said of it
    threads: Optional[int] = None
    against: str = BEST
    ours: str = results.OURS
    least: int = 0  # entries

    def applies(self, row, entries, threads):
        return (fnmatch.fnmatchcase(row, self.row) and self.entries in (None, entries)
                and entries >= self.least and self.threads in (None, threads))


TARGETS = (
    Target("hit", 0.75, MILLION, 1),
    Target("hit", 0.55, MILLION, 2),
    Target("hit", 0.5, MILLION, 8),
    Target("hit", 0.5, MILLION, 32),
    Target("hit", 0.6, 1000, 1),
    Target("hit", 0.55, 10 * MILLION, 1),
    Target("dependent", 0.75, MILLION),
    Target("miss", 0.8, MILLION),
    Target("95-5", 0.65, MILLION),
    Target("50-50", 0.8, MILLION),
    Target("insert-negative", 1.0, MILLION),
    Target("walk", 0.6, least=100_000),
    Target("walk-hot-8", 0.6, against="lfht-walk"),
    Target("walk-hot-8", 0.2, against="statx"),
    Target("walk-hot-slope", 0.5, against="statx"),
    Target("walk-cold-8", 0.6, 65536, against="lfht-walk"),
    Target("walk-cold-slope", 0.45, least=16384, against="statx"),
    Target("walk-cold-slope", 0.5, least=16384, against="lfht-walk"),
    Target("reference-hit", 1.25, MILLION, against="lock-free"),
    Target("reference-shared-penalty", 0.5, against="lockref"),
    Target("reference-shared-held-penalty", 0.5, against="lockref"),
    Target("reference-get-put-penalty", 0.5, against="lockref"),
    Target("reference-first-put", 1.5, MILLION, 2, against=ONE_THREAD),
    Target("insert-parallel", 1.15, MILLION, against="d_alloc"),
    Target("cold-name-last", 1.5, threads=8, against="futex"),
    Target("cold-name-last", 1.5, threads=32, against="futex"),
    Target("cold-name-last", 1.5, threads=128, against="futex"),
    Target("cold-name-last", 1.5, threads=1000, against="futex"),
    Target("swift-cold-name-*", 1.0, threads=1000, against="actor"),
    Target("memory-rss", 160, 10 * MILLION, against=NOTHING),
    Target("batch-hit", 0.45, MILLION, against="single"),
    Target("swift-call-*-span-reference", 1.3, against="c"),
    Target("swift-call-*-span-section", 1.3, against="c"),
    Target("swift-call-*-string-reference", 1.6, against="c"),
    Target("swift-call-*-string-section", 1.6, against="c"),
    # Whoever builds with link-time optimisation and whoever does not get the same, within a tenth.
    *(Target(row, 1.1, MILLION, against=against, ours=ours)
      for row in ("hit", "dependent", "miss")
      for ours, against in ((results.OURS, results.LTO), (results.LTO, results.OURS))),
)

# With 32 threads at least so much of the throughput of two; every row that has both.
COLLAPSE = 0.8
