#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compare casefold_name() with a second implementation: Python's unicodedata and str.casefold.

    casefold_tables_check.py CHECKER [SEED]

CHECKER is the program made of casefold_filter.c. Every code point is tried that both Python's and
utf8proc's version of Unicode assign, alone and among marks; every ignorable one, assigned or not;
random names of mixed scripts, with marks out of order; and random damage to them. Any difference
that is not in KNOWN, with its reason, is an error; so is an entry of KNOWN that is no difference
any more.
"""

import random
import subprocess
import sys
import unicodedata

NAME_MAX = 255
RANDOM_NAMES = 200_000
DAMAGED_NAMES = 100_000

# Default_Ignorable_Code_Point of DerivedCoreProperties.txt, reserved code points included.
IGNORABLE_RANGES = [
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
]
IGNORABLE = [chr(c) for first, last in IGNORABLE_RANGES for c in range(first, last + 1)]
IGNORABLE_SET = frozenset(IGNORABLE)

# Code point -> why utf8proc and Python differ on it. None do.
KNOWN = {}
SEEN = set()

# Blocks to draw the letters of random names from.
SCRIPTS = [
    (0x0020, 0x007E), (0x00A0, 0x024F), (0x0370, 0x03FF), (0x0400, 0x052F), (0x0531, 0x0587),
    (0x05D0, 0x05EA), (0x0621, 0x064A), (0x0904, 0x0963), (0x09DC, 0x09DF), (0x0B90, 0x0BCD),
    (0x0DD9, 0x0DDE), (0x0F40, 0x0F6C), (0x1025, 0x1026), (0x10A0, 0x10FF), (0x1100, 0x11FF),
    (0x13A0, 0x13FD), (0x1C80, 0x1CBF), (0x1E00, 0x1EFF), (0x1F00, 0x1FFF), (0x2100, 0x218F),
    (0x24B6, 0x24E9), (0x2C00, 0x2CFF), (0x3041, 0x30FF), (0x4E00, 0x4EFF), (0xA640, 0xA69F),
    (0xA722, 0xA7FF), (0xAB30, 0xABBF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFB00, 0xFB4E),
    (0xFF21, 0xFF5A), (0x10400, 0x1044F), (0x104B0, 0x104FF), (0x11099, 0x110AB),
    (0x118A0, 0x118DF), (0x16E40, 0x16E7F), (0x1D15E, 0x1D164), (0x1E900, 0x1E943),
    (0x2F800, 0x2FA1D),
]


def assigned_in_both(checker):
    """Every code point that both versions of Unicode know, and how many only one does."""
    answer = subprocess.run([checker, "unassigned"], check=True, stdout=subprocess.PIPE,
                            encoding="ascii")
    not_theirs = set()
    for line in answer.stdout.splitlines():
        first, last = (int(c, 16) for c in line.split())
        not_theirs.update(map(chr, range(first, last + 1)))
    not_ours = {c for c in map(chr, range(0x110000)) if unicodedata.category(c) == "Cn"}
    both = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) != "Cs"
            and c not in not_ours and c not in not_theirs]
    return both, len(not_ours - not_theirs), len(not_theirs - not_ours)


def strip(text):
    return "".join(c for c in text if c not in IGNORABLE_SET)


def fold(name):
    """D145 without the ignorable code points; bytes where that makes no name."""
    if len(name) > NAME_MAX:
        return None
    try:
        text = name.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return name
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFD", strip(text)).casefold())
    return text.encode() or name


def ask(checker, names):
    """What the checker makes of each name; None for an error."""
    answer = subprocess.run([checker], input="".join(n.hex() + "\n" for n in names), check=True,
                            stdout=subprocess.PIPE, encoding="ascii")
    lines = answer.stdout.split("\n")
    if lines.pop() != "" or len(lines) != len(names):
        sys.exit(f"{checker}: {len(names)} names asked for, {len(lines)} answered")
    return [None if line.startswith("error") else bytes.fromhex(line) for line in lines]


def damage(rng, name):
    """Damage a name: drop, change, or insert a byte, most of them of the kinds UTF-8 forbids."""
    name = bytearray(name)
    at = rng.randrange(len(name))
    pieces = [b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xed\xa0\x80",
              b"\xed\xbf\xbf", b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80",
              b"\xf5\x80\x80\x80", b"\xff", b"\xfe", b"\x80", b"\xbf", b"\xf8\x88\x80\x80\x80"]
    match rng.randrange(4):
        case 0:
            del name[at]
        case 1:
            name[at] = rng.randrange(256)
        case 2:
            name[at:at] = rng.choice(pieces)
        case 3:
            del name[at:]
            name += rng.choice(pieces)
    return bytes(name[:NAME_MAX])


def random_text(rng, points, letters, marks):
    """Up to NAME_MAX bytes; most names are short, some as long as can be."""
    room = rng.choice((4, 13, 13, 30, 30, 80, NAME_MAX))
    text = ""
    scripts = rng.sample(letters, rng.randint(1, 3))
    while True:
        draw = rng.random()
        if draw < 0.55:
            c = rng.choice(rng.choice(scripts))
        elif draw < 0.75:
            c = rng.choice(marks)
        elif draw < 0.85:
            c = rng.choice("\u0345\u0301\u0323\u0313\u0342\u0344\u0327\u05b0\u3099")
        elif draw < 0.90:
            c = rng.choice(IGNORABLE)
        elif draw < 0.95:
            c = rng.choice("sSſßẞkKΣσςǰŉİıIiﬀﬁﬃ\u1fb7ΐΰ\u1f82\u1f8aǅ")
        else:
            c = rng.choice(points)
        if len((text + c).encode()) > room:
            return text if text else c
        text += c


def known_in(name):
    """The code point of KNOWN in a name, if there is one."""
    text = name.decode("utf-8", "replace")
    return next((ord(c) for c in text if ord(c) in KNOWN), None)


def compare(title, checker, names):
    """The number of differences that KNOWN does not explain. Adds the explained ones to SEEN."""
    wrong = 0
    for name, got in zip(names, ask(checker, names)):
        expected = fold(name)
        if got == expected:
            continue
        if (known := known_in(name)) is not None:
            SEEN.add(known)
            continue
        wrong += 1
        if wrong <= 20:
            print(f"{title}: {name.hex()} {ascii(name.decode('utf-8', 'replace'))}: "
                  f"{got.hex() if got is not None else 'error'}, "
                  f"not {expected.hex() if expected is not None else 'error'}")
    print(f"{title}: {len(names)} names, {wrong} wrong")
    return wrong


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    checker = sys.argv[1]
    seed = int(sys.argv[2]) if len(sys.argv) == 3 else 145
    rng = random.Random(seed)

    points, only_theirs, only_ours = assigned_in_both(checker)
    known = set(points)
    marks = [c for c in points if unicodedata.combining(c)]
    letters = [[c for c in map(chr, range(first, last + 1)) if c in known]
               for first, last in SCRIPTS]
    changing = [c for c in points if fold(c.encode()) != c.encode()]
    print(f"Unicode {unicodedata.unidata_version}: {len(points)} code points, {len(marks)} marks, "
          f"{len(changing)} that fold to something else; seed {seed}")
    print(f"not checked: {only_theirs} code points that only utf8proc knows, "
          f"{only_ours} that only Python knows")

    wrong = compare("alone", checker, [c.encode() for c in points])
    wrong += compare("among marks", checker,
                     [f"a\u0345\u0301{c}\u0323\u0313\u0345".encode() for c in points])
    wrong += compare("ignorable", checker, [c.encode() for c in IGNORABLE])
    wrong += compare("ignorable between marks", checker,
                     [f"A\u0301{c}\u0323".encode() for c in IGNORABLE])
    wrong += compare("as often as fits", checker,
                     [c.encode() * (NAME_MAX // len(c.encode())) for c in changing])

    texts = [random_text(rng, points, letters, marks) for _ in range(RANDOM_NAMES)]
    names = [t.encode() for t in texts]
    wrong += compare("random", checker, names)
    damaged = [damage(rng, n) for n in names[:DAMAGED_NAMES]]
    invalid = sum(len(n.decode("utf-8", "ignore").encode()) < len(n) for n in damaged)
    print(f"{invalid} of the damaged names are not valid UTF-8")
    wrong += compare("damaged", checker, damaged)
    wrong += compare("length", checker, [b"A" * n for n in range(1, 300)] +
                     ["É".encode() * n for n in range(1, 140)])

    # What may be respelled without another name coming of it: NFC, NFD, without what is ignored,
    # and folded (D145 of X is D145 of its own folding; only once what is ignored is gone, since
    # U+0345 then may get another place).
    respellings = {
        "NFC": lambda t: unicodedata.normalize("NFC", t),
        "NFD": lambda t: unicodedata.normalize("NFD", t),
        "stripped": strip,
        "folded": lambda t: unicodedata.normalize("NFD", strip(t)).casefold(),
        "folded, NFC": lambda t: unicodedata.normalize(
            "NFC", unicodedata.normalize("NFD", strip(t)).casefold()),
    }
    for title, respell in respellings.items():
        pairs = [(t.encode(), respell(t).encode()) for t in texts if strip(t)]
        pairs = [(a, b) for a, b in pairs if len(b) <= NAME_MAX]
        ours = ask(checker, [a for a, _ in pairs])
        respelled = ask(checker, [b for _, b in pairs])
        bad = [p for p, a, b in zip(pairs, ours, respelled) if a != b]
        for a, b in bad[:20]:
            print(f"{title}: {a.hex()} and {b.hex()} differ")
        print(f"{title}: {len(pairs)} pairs, {len(bad)} wrong")
        wrong += len(bad)

    for c in sorted(set(KNOWN) - SEEN):
        print(f"U+{c:04X} is no difference any more: take it out of KNOWN ({KNOWN[c]})")
        wrong += 1
    if wrong:
        sys.exit(f"{wrong} wrong")
    print("all right")


if __name__ == "__main__":
    main()
