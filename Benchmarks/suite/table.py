#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
usage: table.py FILE

What this library takes beside the best peer of each row, from the results that the suite and the other
programs have appended to FILE. A ratio below 1 is in our favour. Where issue 6 has set a target for the
row, it stands beside it. loads: our time in dependent loads over memory of the same number of entries,
with as many threads, in the same run. Columns are medians; spread is (highest - lowest) / median, ours and
the peer's; a figure in brackets is of rounds that other programs have disturbed.
"""

import sys

import results

MILLION = 1_000_000

# Ratio to the best peer that is to be reached: {row: {(entries, threads): ratio}}.
TARGETS = {
    "hit": {
        (1000, 1): 0.6,
        (MILLION, 1): 0.75, (MILLION, 2): 0.55, (MILLION, 8): 0.5, (MILLION, 32): 0.5,
        (10 * MILLION, 1): 0.55,
    },
    "dependent": {(MILLION, 1): 0.75},
    "miss": {(MILLION, 1): 0.8},
    "95-5": {(MILLION, 1): 0.65},
    "50-50": {(MILLION, 1): 0.8},
    "insert-negative": {(MILLION, 1): 1.0},
}

# At most so much slower with 32 threads than with two: 0.8 of the throughput.
COLLAPSE = 1 / 0.8


def spread(result):
    return (result["high"] - result["low"]) / result["median"] if result["median"] else 0


def figure(result):
    text = f"{result['median']:.1f}"
    return text if result["rounds"] else f"[{text}]"


def print_ratios(groups):
    header = (f"{'row':<18}{'entries':>10}{'thr':>4} {'dcache':>10}{'best peer':>11} {'':<8}"
              f"{'unit':<7}{'ratio':>7}{'target':>8} {'':<7}{'loads':>6}{'spread':>13}")
    met = missed = 0
    last = None
    print(header)
    for key in groups:
        bench, entries, threads = key
        group = groups[key]
        ours, peer = group.get(results.OURS), results.best_peer(group)
        if not ours or not peer:
            continue
        if last is not None and last != bench:
            print()
        last = bench
        ratio = ours["median"] / peer["median"] if peer["median"] else float("inf")
        target = TARGETS.get(bench, {}).get((entries, threads))
        verdict = ""
        if target is not None:
            verdict = "met" if ratio <= target else "MISSED"
            met += ratio <= target
            missed += ratio > target
        load = groups.get(("dependent", entries, threads), {}).get("load")
        is_lookup = bench in ("hit", "hit-zipf", "dependent", "miss")
        loads = f"{ours['median'] / load['median']:.2f}" if load and is_lookup else ""
        print(f"{bench:<18}{entries:>10}{threads:>4} {figure(ours):>10}{figure(peer):>11} "
              f"{peer['subject']:<8}{ours['unit']:<7}{ratio:>7.2f}"
              f"{'' if target is None else f'{target:.2f}':>8} {verdict:<7}{loads:>6}"
              f"{spread(ours):>7.0%}{spread(peer):>6.0%}")
    return met, missed


def print_collapse(groups):
    """What each subject loses from two threads to 32."""
    rows = []
    for bench, entries, threads in groups:
        if threads != 2 or bench.endswith("-cpu"):
            continue
        two, many = groups[bench, entries, 2], groups.get((bench, entries, 32), {})
        factors = {s: many[s]["median"] / two[s]["median"] for s in two if s in many and two[s]["median"]}
        peers = [s for s in factors if results.is_peer(s)]
        if results.OURS in factors and peers:
            best = min(peers, key=factors.get)
            rows.append((bench, entries, factors[results.OURS], best, factors[best]))
    met = missed = 0
    if rows:
        print(f"\nTime an operation, 32 threads to 2 (at most {COLLAPSE:.2f}):")
        print(f"{'row':<18}{'entries':>10}{'dcache':>8}  least of the peers")
    for bench, entries, ours, best, theirs in rows:
        met += ours <= COLLAPSE
        missed += ours > COLLAPSE
        print(f"{bench:<18}{entries:>10}{ours:>8.2f}  {theirs:.2f} {best}"
              f"{'' if ours <= COLLAPSE else '  MISSED'}")
    return met, missed


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    groups = results.read(sys.argv[1])
    met, missed = map(sum, zip(print_ratios(groups), print_collapse(groups)))
    print(f"\ntargets: {met} met, {missed} missed")


main()
