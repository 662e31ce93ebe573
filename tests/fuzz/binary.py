"""Damaged binary files by the thousand: each is read, or is one error; nothing ends the process.

    python tests/fuzz/binary.py                        every kind, a thousand cases in all
    python tests/fuzz/binary.py --minutes 60           as many as fit into an hour
    python tests/fuzz/binary.py --kind lmdb --from 500 --cases 200
    python tests/fuzz/binary.py --kind lmdb --keep 517 write that case here, to look at it

The cases run in children, whose memory and time are limited: one that dies is a find as well.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import binary_boxes  # noqa: F401 (it adds its kinds)
import binary_data  # noqa: F401 (so does it)
import binary_positions  # noqa: F401 (and it)
from binary_damage import damaged
from binary_kinds import KINDS

from protonet.diagnostics import NetError

MEMORY, SECONDS = 1 << 30, 10
_SHOWN = 3
_PEAK = 256 << 10  # of ru_maxrss, in kB, beyond what the child began with


@dataclass
class Report:
    """Cases of a kind: read, refused, and what broke the contract."""

    kind: str
    read: int = 0
    refused: int = 0
    finds: list[tuple[int, str]] = field(default_factory=list)

    def __str__(self) -> str:
        count = self.read + self.refused + len(self.finds)
        told = f"{self.kind:<18} {count:>8,} cases {self.read:>8,} read {self.refused:>8,} refused"
        return f"{told} {len(self.finds):>4} finds"


def made(name: str) -> list[bytes]:
    """The whole files of a kind."""
    with tempfile.TemporaryDirectory() as folder:
        KINDS[name].seeds(Path(folder))
        return [p.read_bytes() for p in sorted(Path(folder).iterdir()) if p.is_file()]


def case(name: str, files: list[bytes], seed: int) -> bytes:
    """The damaged file of a seed; one below 0 is a whole one."""
    if seed < 0:
        return files[seed]
    draw = random.Random(f"{name} {seed}")
    data = damaged(draw, draw.choice(files), draw.choice(files))
    whole = KINDS[name].whole
    return whole(data) if whole and draw.random() < 0.5 else data


def _attempt(name: str, path: Path) -> str:
    """What is wrong with how a file is read; "" where it is read, "refused" where it is refused."""
    try:
        KINDS[name].read(path)
    except NetError as error:
        return "refused" if str(error) else "an error without a word"
    except ValueError as error:
        if name == "datum" and type(error) is ValueError:  # whose place only the caller knows
            return "refused"
        return traceback.format_exc()
    except BaseException:  # noqa: BLE001 (whatever it is, it is a find)
        return traceback.format_exc()
    return ""


def _child(name: str, files: list[bytes], seeds: range, folder: Path, told: int) -> None:
    """Run cases one after the other, and write of each its seed before and the outcome after."""
    with open("/proc/self/statm", encoding="ascii") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in seeds:
        os.write(told, b"B%d\n" % seed)
        signal.alarm(SECONDS)
        path = folder / (".solverstate.h5" if name == "solverstate.h5" else "case")
        path.write_bytes(case(name, files, seed))
        wrong = _attempt(name, path)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if peak - before > _PEAK:
            wrong, before = f"{(peak - before) >> 10} MB of memory; {wrong}", peak
        os.write(told, b"E" + wrong.encode("utf-8", "replace").replace(b"\n", b"\x1f") + b"\n")
    os._exit(0)


def run(name: str, seeds: range, until: float = float("inf")) -> Report:
    """Run cases of a kind in children; one that dies is followed by another."""
    report, at = Report(name), seeds.start
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder) / "room"
        room.mkdir()
        KINDS[name].seeds(room)
        files = [p.read_bytes() for p in sorted(room.iterdir()) if p.is_file()]
        while at < seeds.stop and time.monotonic() < until:
            at = _batch(report, files, range(at, min(at + 500, seeds.stop)), room)
    return report


def _batch(report: Report, files: list[bytes], seeds: range, room: Path) -> int:
    """Run some cases in one child; the seed to go on from."""
    out, told = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        os.close(out)
        _child(report.kind, files, seeds, room, told)
    os.close(told)
    at, begun = seeds.start, False
    with os.fdopen(out, "rb") as lines:
        for line in lines:
            if line[:1] == b"B":
                at, begun = int(line[1:]), True
                continue
            outcome = line[1:-1].replace(b"\x1f", b"\n").decode("utf-8", "replace")
            _count(report, at, outcome)
            at, begun = at + 1, False
    _, status = os.waitpid(child, 0)
    if begun:
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)
        too_slow = ended == signal.SIGALRM
        what = f"more than {SECONDS} s" if too_slow else f"the process ended: {ended}"
        _count(report, at, what)
        at += 1
    return at


def _count(report: Report, seed: int, outcome: str) -> None:
    if not outcome:
        report.read += 1
    elif outcome == "refused":
        report.refused += 1
    else:
        report.finds.append((seed, outcome))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--minutes", type=float, help="for all kinds together")
    parser.add_argument("--cases", type=int, default=1000, help="for all kinds together")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--keep", type=int, help="write the case of a seed to ./case")
    given = parser.parse_args()
    names = given.kind or list(KINDS)
    if given.keep is not None:
        Path("case").write_bytes(case(names[0], made(names[0]), given.keep))
        return
    finds = 0
    for name in names:
        share = given.minutes and given.minutes * 60 / len(names)
        until = time.monotonic() + share if share else float("inf")
        count = sys.maxsize if share else max(1, given.cases // len(names))
        report = run(name, range(given.first, given.first + count), until)
        finds += len(report.finds)
        print(report, flush=True)
        for seed, what in report.finds[:_SHOWN]:
            print(f"  --kind {name!r} --keep {seed}: {what.strip()[-900:]}", flush=True)
    sys.exit(1 if finds else 0)


if __name__ == "__main__":
    main()
