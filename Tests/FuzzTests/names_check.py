#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compare what fuzz_names saw with Python itself.

    names_check.py FILE

FILE is what fuzz_names wrote with DCACHE_FUZZ_FOLD set to its name: a line for each name, it and its
folded form, in hexadecimal. Names of code points that not both Python and utf8proc assign are
marked with "?" and passed over.
"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "CDcacheTests"))
from casefold_tables_check import fold  # noqa: E402


def main():
    names, wrong, passed_over = set(), 0, 0
    with open(sys.argv[1], encoding="ascii") as file:
        for line in file:
            name, folded, mark = line.rstrip("\n").split(" ")
            if mark == "?":
                passed_over += 1
                continue
            name, folded = bytes.fromhex(name), bytes.fromhex(folded)
            if fold(name) != folded:
                wrong += 1
                print(f"{name.hex()}: {folded.hex()}, not {fold(name).hex()}")
            names.add(name)
    print(f"{len(names)} names compared with Python's own folding, {passed_over} passed over, "
          f"{wrong} wrong")
    sys.exit(wrong > 0 or not names)


if __name__ == "__main__":
    main()
