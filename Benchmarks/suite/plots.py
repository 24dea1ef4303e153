#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
usage: plots.py FILE DIRECTORY

Draws, of the results in FILE, for each row cost against size (ROW-size.svg, one thread) and cost against
threads (ROW-threads.svg, of the largest size that was measured with several), with the lowest and the
highest of the rounds.
"""

import os
import sys

import results

import matplotlib

matplotlib.use("svg")
# The same results, the same file.
matplotlib.rcParams["svg.hashsalt"] = "dcache"
matplotlib.rcParams["svg.fonttype"] = "none"

import matplotlib.pyplot as plt  # noqa: E402

LEGEND_ORDER = ("dcache", "dcache-ref", "lfht", "tbb", "absl", "ck", "std", "fuse", "dirs", "load")
MARKERS = "os^vD<>pXd"


def subjects_of(points):
    """Known ones first and always in the same colour."""
    seen = {subject for group in points.values() for subject in group}
    return [s for s in LEGEND_ORDER if s in seen] + sorted(seen - set(LEGEND_ORDER))


def spaced(number):
    return f"{number:,}".replace(",", " ")


def draw(points, title, label, path):
    """points: {x: {subject: result}}."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    units = {r["unit"] for group in points.values() for r in group.values()}
    for place, subject in enumerate(subjects_of(points)):
        xs = [x for x in sorted(points) if subject in points[x]]
        of = [points[x][subject] for x in xs]
        middle = [r["median"] for r in of]
        below = [r["median"] - r["low"] for r in of]
        above = [r["high"] - r["median"] for r in of]
        known = LEGEND_ORDER.index(subject) if subject in LEGEND_ORDER else place
        axes.errorbar(xs, middle, yerr=(below, above), label=subject, color=f"C{known % 10}",
                      marker=MARKERS[known % len(MARKERS)], markersize=4, capsize=2,
                      linewidth=2.2 if subject == results.OURS else 1,
                      linestyle=":" if subject == "load" else "-")
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted(points)
    axes.set_xticks(ticks, [spaced(x) for x in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:g}"))
    axes.set_title(title)
    axes.set_xlabel(label)
    axes.set_ylabel(", ".join(sorted(units)))
    axes.grid(True, which="major", linewidth=0.3)
    axes.legend(fontsize=8, ncols=2)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main():
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    groups = results.read(sys.argv[1])
    os.makedirs(sys.argv[2], exist_ok=True)
    drawn = 0
    for bench in dict.fromkeys(key[0] for key in groups):
        mine = {key[1:]: group for key, group in groups.items() if key[0] == bench}
        least = min(threads for _, threads in mine)
        by_size = {entries: group for (entries, threads), group in mine.items() if threads == least}
        sizes = [entries for entries, _ in mine]
        largest = max((n for n in sizes if sizes.count(n) > 1), default=0)
        by_threads = {threads: group for (entries, threads), group in mine.items()
                      if entries == largest}
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in bench)
        if len(by_size) > 1:
            draw(by_size, f"{bench}, {least} thread{'s' if least > 1 else ''}", "entries",
                 os.path.join(sys.argv[2], f"{name}-size.svg"))
            drawn += 1
        if by_threads:
            draw(by_threads, f"{bench}, {spaced(largest)} entries", "threads",
                 os.path.join(sys.argv[2], f"{name}-threads.svg"))
            drawn += 1
    print(f"{drawn} plots in {sys.argv[2]}")


main()
