# SPDX-License-Identifier: LGPL-2.1-or-later
"""The JSON lines of Benchmarks/report.h, for table.py, targets.py and plots.py."""

import json
import sys

OURS = "dcache"
LTO = "dcache-lto"

# No peers: this library used in another way, and the bare memory.
OTHER_WAYS = {"load", "lock-free", "single", "d_alloc", "idle", "sized", "c"}


def is_ours(subject):
    return subject == OURS or subject.startswith(OURS + "-")


def is_peer(subject):
    """Is it what we are compared with?"""
    return not is_ours(subject) and subject not in OTHER_WAYS


def read(path):
    """{(bench, entries, threads): {subject: result}}, row by row; of equal ones the last."""
    groups = {}
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                result = json.loads(line)
                key = (result["bench"], result["entries"], result["threads"])
                groups.setdefault(key, {})[result["subject"]] = result
    except (OSError, ValueError, KeyError, TypeError) as error:
        where = f"{path}:{number}" if not isinstance(error, OSError) else path
        sys.exit(f"{where}: {error}")
    if not groups:
        sys.exit(f"{path}: no results")
    rows = list(dict.fromkeys(bench for bench, _, _ in groups))
    return dict(sorted(groups.items(), key=lambda item: (rows.index(item[0][0]), item[0][1:])))


def best_peer(group):
    """The peer with the lowest median: in every row, less is better."""
    peers = [r for r in group.values() if is_peer(r["subject"])]
    return min(peers, key=lambda r: r["median"], default=None)
