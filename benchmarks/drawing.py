"""How long a drawing takes, start-up included: rows for RESULTS.md."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from protonet.zoo.catalogue import deploy

TITLE = "Drawings, start-up included and without torch (`protonet draw`):"


def rows():
    with tempfile.TemporaryDirectory() as folder:
        deep = Path(folder) / "resnet1202.prototxt"  # the zoo writes it on demand
        deep.write_text(deploy("resnet1202_cifar"), encoding="utf-8")
        for title, net, options, bar in (
            ("GoogLeNet as .svg", deploy("googlenet"), (), "< 1 s"),
            ("ResNet-1202 as .svg, blocks collapsed", deep, (), "< 10 s"),
            ("ResNet-1202 as .svg, every layer", deep, ("none",), "< 10 s"),
        ):
            command = [sys.executable, "-m", "protonet", "draw", str(net), "-o", f"{folder}/a.svg"]
            command += ["--collapse", *options] if options else []
            took = []
            for _ in range(5):
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                took.append(time.perf_counter() - start)
            yield title, f"{statistics.median(took):.2f} s", bar


if __name__ == "__main__":
    for row in rows():
        print(f"| {' | '.join(row)} |")
