#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Write Python's tables of Unicode as C, for fuzz_names.c.

    unicode_tables.py >unicode_tables.h

For each code point that is not plain: its NFD, what str.casefold() makes of it, its combining
class. And the ranges that this version of Unicode assigns; and those that are ignored.
"""

import os
import sys
import unicodedata

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "CDcacheTests"))
from casefold_tables_check import IGNORABLE_RANGES  # noqa: E402

LAST = 0x10FFFF


def ranges(wanted):
    """The ranges of code points for which wanted() is true."""
    first = None
    for c in range(LAST + 2):
        yes = c <= LAST and wanted(c)
        if yes and first is None:
            first = c
        if not yes and first is not None:
            yield first, c - 1
            first = None


def main():
    pool, offsets = [], {}

    def place(text):
        """Where in the pool the code points of a text are."""
        if text not in offsets:
            offsets[text] = len(pool)
            pool.extend(map(ord, text))
        return offsets[text]

    points = []
    for c in range(LAST + 1):
        if 0xD800 <= c <= 0xDFFF:
            continue
        nfd = unicodedata.normalize("NFD", chr(c))
        folded = chr(c).casefold()
        combining = unicodedata.combining(chr(c))
        if nfd != chr(c) or folded != chr(c) or combining:
            points.append((c, combining, place(nfd), len(nfd), place(folded), len(folded)))

    print("/* Made by unicode_tables.py from Python's Unicode "
          f"{unicodedata.unidata_version}. */")
    print("static const uint32_t table_pool[] = {")
    for i in range(0, len(pool), 12):
        print("\t" + " ".join(f"{c:#x}," for c in pool[i:i + 12]))
    print("};")
    print("static const struct table_point table_points[] = {")
    for point in points:
        print("\t{ %#x, %d, %d, %d, %d, %d }," % point)
    print("};")
    for name, list_ in (("assigned", ranges(lambda c: unicodedata.category(chr(c)) != "Cn")),
                        ("ignorable", IGNORABLE_RANGES)):
        print(f"static const struct table_range table_{name}[] = {{")
        for first, last in list_:
            print(f"\t{{ {first:#x}, {last:#x} }},")
        print("};")


if __name__ == "__main__":
    main()
