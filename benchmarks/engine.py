"""`--engine onnxruntime` against onnxruntime fed by hand: python benchmarks/engine.py [NET ...].

The same net in both, batch 1, in turn in one process. The table goes into RESULTS.md.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import onnxruntime
import torch
from run import machine

import protonet
from protonet.exporting.options import ExportOptions
from protonet.exporting.session import open_session
from protonet.exporting.source import from_module

HERE = Path(__file__).parent
BEGIN, END = "<!-- engine -->", "<!-- end of engine -->"
NETS = ("alexnet", "googlenet", "resnet50", "mobilenet_v1", "mobilenet_v2", "densenet121")
ROUNDS = 41
REST = 0.05  # a session's threads go on waiting for work, in the way of the other's


def by_hand(net, folder):
    """A pass as a script of one's own runs it."""
    path = str(Path(folder) / "net.onnx")
    protonet.export(net, path, batch=1, check=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x.numpy()})


def row(name):
    """A net's line: medians and minima, and the median of the ratios of pairs."""
    net = protonet.compile(name).eval()
    source = from_module(net, ExportOptions.of(batch=1))
    ours = open_session(source)
    times = {"ours": [], "hand": []}
    with tempfile.TemporaryDirectory() as folder:
        runs = {"ours": ours, "hand": by_hand(net, folder)}
        x = torch.rand(1, *source.graph.inputs[0].shape[1:])
        for number in range(ROUNDS + 3):
            for form in sorted(runs, reverse=bool(number % 2)):
                start = time.perf_counter()
                runs[form](x)
                if number >= 3:
                    times[form].append(1000 * (time.perf_counter() - start))
                time.sleep(REST)
    ratio = statistics.median(a / b for a, b in zip(*times.values(), strict=True))
    cells = [f"{statistics.median(t):.2f} ({min(t):.2f})" for t in times.values()]
    return f"| {name} | {' | '.join(cells)} | {ratio:.3f} × | {ours.difference:.0e} |"


def write(lines):
    """Put the section into RESULTS.md, in the place of an older one."""
    path = HERE / "RESULTS.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2] or "\n"
    text = f"{before.rstrip()}\n\n{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}"
    path.write_text(text, encoding="utf-8")


def main():
    load = os.getloadavg()[0]
    rows = [row(name) for name in sys.argv[1:] or NETS]
    lines = [
        "`--engine onnxruntime` against onnxruntime fed by hand (`python benchmarks/engine.py`),",
        f"batch 1, median (minimum) of {ROUNDS} passes in turn, in ms; {machine().rstrip('.')},",
        f"onnxruntime {onnxruntime.__version__}; load {load:.1f} of {os.cpu_count()} cores.",
        "The bar is 1.02 ×; the last column is how far the numbers are from PyTorch's.",
        "",
        "| net | engine | by hand | ratio of pairs | differs by |",
        "|---|---|---|---|---|",
        *rows,
    ]
    print("\n".join(lines))
    write(lines)


if __name__ == "__main__":
    main()
