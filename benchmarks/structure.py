"""Files with blocks against the same nets in one class: lines, time to compile, forward pass.

    python benchmarks/structure.py [--rounds 9] [--threads 1] [NET ...]

Both forms take turns in one process; times are the least of the rounds, of the processor for
compiling (parameters on torch's meta device apart), of the clock for passes.
"""

from __future__ import annotations

import argparse
import time
import warnings

import torch

import protonet
from protonet.api import graph
from protonet.zoo import catalogue

NETS = (
    "lenet", "alexnet", "vgg16", "googlenet", "inception_v3", "resnet50", "resnet152",
    "resnext50_32x4d", "densenet121", "densenet201", "mobilenet_v1", "mobilenet_v2", "xception",
    "deeplabv3_os16", "resnet1202_cifar",
)  # fmt: skip
PASSES = ("googlenet", "resnet50", "densenet121", "mobilenet_v2", "inception_v3")


def least(rounds, **runs):
    """The least time of each run, taken in turn: of the processor, and of the clock."""
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            wall, used = time.perf_counter(), time.process_time()
            run()
            times[name].append((time.process_time() - used, time.perf_counter() - wall))
    return {name: tuple(map(min, zip(*found, strict=True))) for name, found in times.items()}


def compiled(text, flat):
    with torch.device("meta"):
        return protonet.compile(text, flat=flat)


def lines(text, flat):
    return sum(1 for line in protonet.emit(text, flat=flat).splitlines() if line.strip())


def passing(text, rounds):
    """The ratio of the forward passes, and both times in ms."""
    torch.manual_seed(0)
    nets = {flat: protonet.compile(text, flat=flat) for flat in (False, True)}
    protonet.load_blobs(nets[True], protonet.dump_blobs(nets[False]))
    x = torch.rand(1, *graph(text).inputs[0].shape[1:])
    with torch.no_grad():
        assert torch.equal(nets[True](x), nets[False](x))
        found = least(rounds, blocks=lambda: nets[False](x), flat=lambda: nets[True](x))
    return [1000 * found[name][1] for name in ("blocks", "flat")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("nets", nargs="*", default=NETS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    print("| net | lines | in one class | to module, ms | in one class | forward, ms | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name in given.nets:
        text = catalogue.deploy(name)
        few = 3 if name == "resnet1202_cifar" else given.rounds
        made = least(
            few, blocks=lambda t=text: compiled(t, False), flat=lambda t=text: compiled(t, True)
        )
        blocks, flat = (1000 * made[form][0] for form in ("blocks", "flat"))
        row = f"| {name} | {lines(text, False)} | {lines(text, True)} "
        row += f"| {blocks:.0f} | {flat:.0f} ({blocks / flat:.2f} ×) "
        if name in PASSES:
            own, other = passing(text, given.rounds)
            row += f"| {own:.0f} | {own / other:.3f} × |"
        else:
            row += "| | |"
        print(row, flush=True)


if __name__ == "__main__":
    main()
