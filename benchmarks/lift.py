"""A zoo net compiled to PyTorch and lifted back to Caffe's files: time, memory, and lines.

    python benchmarks/lift.py [--threads 2] [NET ...]

Each net is lifted in a process of its own, the proof included; memory is what the process comes to
need beyond the imports and the net itself, as a multiple of the weights.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

NETS = ("lenet", "googlenet", "resnet50", "mobilenet_v2", "densenet121", "vgg16")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one(name, threads):
    """Lift one net and print its row."""
    import torch

    import protonet
    from protonet.api import graph
    from protonet.zoo import catalogue

    torch.set_num_threads(threads)
    warnings.simplefilter("ignore")
    text = catalogue.deploy(name)
    net = protonet.compile(text).eval()
    given = [torch.randn(value.shape) for value in graph(text).inputs]
    weights = 4 * sum(p.numel() for p in net.parameters())
    torch.export.export(torch.nn.ReLU(), (given[0],))  # torch.export's own imports
    before, start, used = peak(), time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        report = protonet.to_caffe(net, given, Path(folder) / name)
        took = time.perf_counter() - start, time.process_time() - used
        lines = len(Path(report.prototxt).read_text().splitlines())
    from protonet.diagnostics import Source
    from protonet.text.format import format_text
    from protonet.text.parse import parse

    written = Path(text).read_text(encoding="utf-8")
    own = len(format_text(parse(Source(name, written))).splitlines())
    print(
        f"| {name} | {len(report.layers)} | {lines / own:.2f} × | {took[0]:.1f} ({took[1]:.1f}) "
        f"| {(peak() - before) / weights:.1f} × | {report.difference:.1e} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("nets", nargs="*", default=NETS)
    given = parser.parse_args()
    if given.one:
        one(given.nets[0], given.threads)
        return
    print("| net | layers | lines | s (of the processors) | memory, of the weights | difference |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in given.nets:
        command = [sys.executable, __file__, "--one", "--threads", str(given.threads), name]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
