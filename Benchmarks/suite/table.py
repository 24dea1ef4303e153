#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
usage: table.py FILE

What this library takes beside the best peer of each row, from the results that the suite and the other
programs have appended to FILE. A ratio below 1 is in our favour; where a row has no peer but another way to
use this library, that one stands there, in brackets. Where issue 6 wants a ratio to the best peer, it stands
beside it. loads: our time in dependent loads over memory of the same number of entries, with as many
threads, in the same run. Columns are medians; spread is (highest - lowest) / median, ours and the peer's; a
figure in brackets is of rounds that other programs have disturbed.

Then what is left of the throughput with 32 threads, and all of the issue's targets (targets.py), those too
that are not about the best peer: which are met, which are not, and for which FILE has nothing.
"""

import sys

import results
import targets


LOOKUPS = ("hit", "hit-zipf", "dependent", "miss")


def spread(result):
    return (result["high"] - result["low"]) / result["median"] if result["median"] else 0


def figure(result):
    text = f"{result['median']:.1f}"
    return text if result["rounds"] else f"[{text}]"


def ratio_of(a, b):
    """Of two results. A second one that costs nothing, or less, cannot be beaten."""
    return a["median"] / b["median"] if b["median"] > 0 else float("inf")


def verdict(is_met):
    return "met" if is_met else "NOT MET"


def print_ratios(groups):
    print(f"{'row':<34}{'entries':>10}{'thr':>5} {'dcache':>10}{'best peer':>11} {'':<13} "
          f"{'unit':<6}{'ratio':>7}{'target':>8} {'':<8}{'loads':>6}{'spread':>13}")
    last = None
    for (bench, entries, threads), group in groups.items():
        ours, peer = group.get(results.OURS), results.best_peer(group)
        others = [r for s, r in group.items() if not results.is_ours(s) and s != "load"]
        beside = peer or min(others, key=lambda r: r["median"], default=None)
        if not ours:
            continue
        if last not in (None, bench):
            print()
        last = bench
        name = peer["subject"] if peer else f"({beside['subject']})" if beside else ""
        ratio = ratio_of(ours, beside) if beside else None
        target = next((t for t in targets.TARGETS if peer and t.against == targets.BEST
                       and t.applies(bench, entries, threads)), None)
        wanted = f"{target.most:.2f}" if target else ""
        load = group.get("load")
        if bench in LOOKUPS:
            load = groups.get(("dependent", entries, threads), {}).get("load")
        print(f"{bench:<34}{entries:>10}{threads:>5} {figure(ours):>10}"
              f"{figure(beside) if beside else '':>11} {name:<13} {ours['unit']:<6}"
              f"{'' if ratio is None else f'{ratio:.2f}':>7}{wanted:>8} "
              f"{verdict(ratio <= target.most) if target else '':<8}"
              f"{f'{ratio_of(ours, load):.2f}' if load else '':>6}{spread(ours):>7.0%}"
              f"{f'{spread(beside):.0%}' if beside else '':>6}")


def print_collapse(groups):
    """The throughput of 32 threads in that of two. Return: for each of our rows, is enough left?"""
    verdicts = []
    for (bench, entries, threads), two in groups.items():
        many = groups.get((bench, entries, 32), {})
        if threads != 2 or bench.endswith("-cpu"):
            continue
        # Nanoseconds an operation are those of all processors: Benchmarks/rounds.h.
        left = {s: ratio_of(two[s], many[s]) for s in two if s in many and two[s]["unit"] == "ns"}
        peers = [s for s in left if results.is_peer(s)]
        best = max(peers, key=left.get, default=None)
        for subject in filter(results.is_ours, left):
            if not verdicts:
                print(f"\n{'throughput, 32 threads / 2':<34}{'entries':>10} {'':<11}{'ratio':>6}"
                      f"{'target':>8} {'':<8}most of the peers")
            verdicts.append(left[subject] >= targets.COLLAPSE)
            print(f"{bench:<34}{entries:>10} {subject:<11}{left[subject]:>6.2f}"
                  f"{targets.COLLAPSE:>8.2f} {verdict(verdicts[-1]):<8}"
                  f"{f'{left[best]:.2f} {best}' if best else ''}")
    return verdicts


def other_of(target, groups, key):
    """What the target compares ours with: a result, or None."""
    group = groups[key]
    if target.against == targets.BEST:
        return results.best_peer(group)
    if target.against == targets.ONE_THREAD:
        return groups.get((key[0], key[1], 1), {}).get(target.ours)
    if target.against == targets.NOTHING:
        return {"subject": "", "median": 1.0}
    return group.get(target.against)


def print_target(target, groups):
    """Return: is it met, for each row that it applies to?"""
    verdicts = []
    for key in filter(lambda key: target.applies(*key), groups):
        ours, other = groups[key].get(target.ours), other_of(target, groups, key)
        if not ours or not other:
            continue
        ratio = ratio_of(ours, other)
        beside = target.against if target.against == targets.ONE_THREAD else other["subject"]
        verdicts.append(ratio <= target.most)
        print(f"{key[0]:<34}{key[1]:>10}{key[2]:>5} {target.ours + (' / ' if beside else '') + beside:<25}"
              f"{ratio:>8.2f}{target.most:>8.2f} {verdict(verdicts[-1])}")
    return verdicts


def missing(target):
    entries = f" of {target.entries}" if target.entries else ""
    threads = f", {target.threads} threads" if (target.threads or 1) > 1 else ""
    return f"{target.row}{entries}{threads} ({target.ours}{target.against and ' / '}{target.against})"


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    groups = results.read(sys.argv[1])
    print_ratios(groups)
    verdicts = print_collapse(groups)
    not_measured = []
    print(f"\n{'target':<34}{'entries':>10}{'thr':>5} {'':<25}{'ratio':>8}{'at most':>8}")
    for target in targets.TARGETS:
        these = print_target(target, groups)
        verdicts += these
        if not these:
            not_measured.append(missing(target))
    if not_measured:
        print("\nnot measured:\n\t" + "\n\t".join(not_measured))
    met = sum(verdicts)
    print(f"\ntargets: {met} met, {len(verdicts) - met} not met, {len(not_measured)} not measured")


main()
