"""Caffe's interface against the module it stands on: forward passes, imports, arrays over blobs.

    python benchmarks/pycaffe.py [--net alexnet] [--rounds 20] [--threads 1]

The passes take turns, and the least time of each counts: other work on the machine adds to both.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import torch

import protonet
import protonet.pycaffe as caffe

ZOO = Path(__file__).parent.parent / "zoo_prototxt"
IMPORT = """import time; start = time.perf_counter()
import protonet.pycaffe
print(time.perf_counter() - start)"""


def seconds(run):
    start, used = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - start, time.process_time() - used


def passes(path, rounds):
    """The least wall time and processor time of a pass: the module, the net, arrays held."""
    start = time.perf_counter()
    net = caffe.Net(path, caffe.TEST)
    print(f"Net(...): {time.perf_counter() - start:.2f} s")
    module = protonet.compile(path)
    held_net = caffe.Net(path, caffe.TEST)
    x = torch.rand(net.blobs[net.inputs[0]].shape)
    for one in (net, held_net):
        one.blobs[one.inputs[0]].data[...] = x.numpy()
        for layer, arrays in protonet.dump_blobs(module).items():
            for blob, values in zip(one.params[layer], arrays, strict=True):
                blob.data[...] = values
    held = [blob.data for blob in held_net.blobs.values()]

    def plain():
        with torch.no_grad():
            module(x)

    runs = {"module": plain, "net": net.forward, f"{len(held)} arrays held": held_net.forward}
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(seconds(run))
    return {name: tuple(map(min, zip(*some, strict=True))) for name, some in times.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", default="alexnet")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, help="as many as torch takes by itself")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    path = str(ZOO / given.net / "deploy.prototxt")
    found = passes(path, given.rounds)
    wall, used = found["module"]
    for name, (own, cpu) in found.items():
        ratio = f"{own / wall:.2f} x, {cpu / used:.2f} x of the processor"
        print(f"{given.net}, {name}: {own * 1000:.1f} ms, {ratio}")
    blob = caffe.Net(str(ZOO / "lenet" / "deploy.prototxt"), caffe.TEST).blobs["data"]
    start = time.perf_counter()
    for _ in range(1000):
        blob.data  # noqa: B018
    print(f"1,000 times blob.data: {(time.perf_counter() - start) * 1000:.2f} ms")
    command = [sys.executable, "-c", IMPORT]
    runs = [float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in "abc"]
    print(f"import protonet.pycaffe: {min(runs) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
