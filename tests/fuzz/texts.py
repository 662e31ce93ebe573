"""Damaged prototxts by the thousand, and random right nets: each keeps the contract, or is a find.

    python tests/fuzz/texts.py                       a thousand cases of each kind
    python tests/fuzz/texts.py --minutes 60          as many as fit into an hour
    python tests/fuzz/texts.py --kind nets --from 500 --cases 200
    python tests/fuzz/texts.py --kind damage --keep 517 > case.prototxt

A find becomes a file in tests/fuzz/found, which every run of the tests looks at.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
import warnings

from text_agreement import disagreement
from text_contract import broken
from text_damage import damaged
from text_nets import random_net, seeds

from protonet.diagnostics import NetWarning


def damage(seed):
    """A damaged text and what it breaks."""
    draw = random.Random(seed)
    text = damaged(draw.choice(seeds()), draw)
    return text, broken


def nets(seed):
    """A random right net and what does not agree."""
    return random_net(random.Random(seed)), lambda text: disagreement(text, seed)


def damaged_nets(seed):
    """A random net, damaged, and what it breaks."""
    draw = random.Random(seed)
    return damaged(random_net(draw), draw), broken


KINDS = {"damage": damage, "nets": nets, "damaged_nets": damaged_nets}


def run(kind, numbers, until=float("inf")):
    """How many cases of a kind were tried, and the finds: (seed, what)."""
    count, finds = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NetWarning)
        for seed in numbers:
            if time.monotonic() > until:
                break
            count += 1
            if what := _find(kind, seed):
                finds.append((seed, what))
    return count, finds


def _find(kind, seed):
    try:
        text, test = KINDS[kind](seed)
        return test(text)
    except Exception:  # noqa: BLE001 (a random net is grown by building it)
        return f"making the case: {traceback.format_exc()[-1500:]}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--minutes", type=float, help="for all kinds together")
    parser.add_argument("--cases", type=int, default=1000, help="of each kind")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--keep", type=int, help="print the case of a seed")
    given = parser.parse_args()
    names = given.kind or list(KINDS)
    if given.keep is not None:
        sys.stdout.write(KINDS[names[0]](given.keep)[0])
        return
    total = 0
    for name in names:
        share = given.minutes and given.minutes * 60 / len(names)
        until = time.monotonic() + share if share else float("inf")
        last = sys.maxsize if share else given.first + given.cases
        count, finds = run(name, range(given.first, last), until)
        total += len(finds)
        print(f"{name:<14} {count:>8,} cases {len(finds):>4} finds", flush=True)
        for seed, what in finds[:40]:
            print(f"  --kind {name} --keep {seed}: {what.strip()}", flush=True)
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
