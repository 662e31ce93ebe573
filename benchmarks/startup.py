"""How long commands take from the shell, over Python alone: processor time, and by the clock.

    python benchmarks/startup.py [--rounds 15]

The commands take turns; each number is the least, after a round that is not counted, in which
Python writes what it compiles.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NET = str(Path(__file__).parent.parent / "zoo_prototxt" / "alexnet" / "deploy.prototxt")
COMMANDS = {
    "--help": (["--help"], "≤ 0.12 s over Python"),
    "check": (["check", NET], "≤ 0.25 s"),
    "fmt": (["fmt", NET], ""),
    "show": (["show", NET], ""),
    "draw -o": (["draw", NET, "-o", "net.svg"], ""),
    "diff": (["diff", NET, NET], ""),
    "compile -o": (["compile", NET, "-o", "net.py"], ""),
}


def timed(command):
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return used.ru_utime + used.ru_stime, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    runs = {name: ["-m", "protonet", *given] for name, (given, _) in COMMANDS.items()}
    runs["python"] = ["-c", "pass"]
    times = {name: [] for name in runs}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(__file__).parent.parent
        os.environ["PYTHONPATH"] = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ.setdefault("PYTHONPYCACHEPREFIX", f"{folder}/compiled")
        os.chdir(folder)
        for round_ in range(rounds + 1):
            for name, run in runs.items():
                found = timed([sys.executable, *run])
                times[name] += [found] if round_ else []
    least = {
        name: [min(column) for column in zip(*found, strict=True)] for name, found in times.items()
    }
    print("| command | processor | by the clock | bar |\n|---|---|---|---|")
    for name, (given, bar) in COMMANDS.items():
        what = f"`{name}` of AlexNet" if NET in given else f"`{name}`"
        used, wall = least[name]
        print(f"| {what} | {used:.3f} s | {wall:.3f} s | {bar} |")
    used, wall = least["python"]
    busy = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"\nPython alone: {used:.3f} s, {wall:.3f} s; {busy}")


if __name__ == "__main__":
    main()
