"""Whole steps of training against the best loop that one tunes by hand, on the CPU.

    python benchmarks/steps.py                   # every net
    python benchmarks/steps.py lenet --rounds 9  # one

Every way to tune the loop is tried first, then protonet and the best of them run in turn in one
process. Both are given the same pictures, made once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import torch  # noqa: E402
from tuned import NETS, Loop, Way  # noqa: E402

from protonet.training.loop import step  # noqa: E402
from protonet.training.plan import plan  # noqa: E402
from protonet.training.session import opened  # noqa: E402

ZOO = ROOT / "zoo_prototxt"
CLOCK = "wall"
RATE = 1e-5  # so small that hundreds of steps leave the weights what they are
SOLVER = f"base_lr: {RATE} lr_policy: 'fixed' momentum: 0.9 weight_decay: 0.0005 max_iter: 1000000"


@dataclass(frozen=True)
class Case:
    """A net, and the batch that it is given."""

    title: str
    shape: tuple[int, ...]
    classes: int = 1000


CASES = {
    "alexnet": Case("AlexNet", (10, 3, 227, 227)),
    "googlenet": Case("GoogLeNet", (8, 3, 224, 224)),
    "resnet20_cifar": Case("ResNet-20", (128, 3, 32, 32), 10),
    "mobilenet_v1": Case("MobileNet v1", (8, 3, 224, 224)),
    "lenet": Case("LeNet", (64, 1, 28, 28), 10),
}


def definition(name):
    """A net of the zoo in training, its data made up."""
    text = (ZOO / name / "train_val.prototxt").read_text(encoding="utf-8")
    layers = re.split(r"^(?=layer \{)", text, flags=re.MULTILINE)
    dims = " ".join(f"dim: {n}" for n in CASES[name].shape)
    data = (
        'layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param { '
        f"shape {{ {dims} }} shape {{ dim: {CASES[name].shape[0]} }} }} }}"
    )
    return layers[0] + data + "".join(s for s in layers[1:] if 'type: "Data"' not in s)


def batch_of(case):
    draw = torch.Generator().manual_seed(1)
    labels = torch.randint(case.classes, case.shape[:1], generator=draw).float()
    return torch.randn(case.shape, generator=draw), labels


def ours(stack, name, batch):
    """A call that does one step of the solver's loop."""
    made = plan(f"{SOLVER} net_param {{ {definition(name)} }} snapshot_after_train: false\n")
    run = stack.enter_context(opened(made, device="cpu"))
    given = dict(zip(("data", "label"), batch, strict=True))
    run.net.next_batch = lambda: given
    return lambda: step(run)


def timed(once, count):
    """Seconds a call."""
    clock = time.process_time if CLOCK == "cpu" else time.perf_counter
    start = clock()
    for _ in range(count):
        once()
    return (clock() - start) / count


def compare(name, rounds, compiled):
    case = CASES[name]
    batch = batch_of(case)
    with contextlib.ExitStack() as stack:
        own = ours(stack, name, batch)
        own()
        count = max(1, round(0.3 / timed(own, 2)))
        ways = [
            Way(last, graph)
            for graph in ((False, True) if compiled else (False,))
            for last in (False, True)
        ]
        loops = {way: Loop(NETS[name], batch, RATE, way).step for way in ways}
        for once in loops.values():
            timed(once, 2)
        tried = {way: min(timed(once, count) for _ in range(3)) for way, once in loops.items()}
        best = min(tried, key=tried.get)
        pairs = []
        for number in range(rounds):
            order = (own, loops[best]) if number % 2 else (loops[best], own)
            took = {once: timed(once, count) for once in order}
            pairs.append((took[own], took[loops[best]]))
    mine, theirs = ([1000 * pair[side] for pair in pairs] for side in (0, 1))
    told = ", ".join(f"{way} {1000 * t:.1f}" for way, t in tried.items())
    return (
        f"| {case.title}, batch {case.shape[0]} | {min(mine):.1f} ({statistics.median(mine):.1f}) "
        f"| {min(theirs):.1f} ({statistics.median(theirs):.1f}) | {min(mine) / min(theirs):.2f} "
        f"({statistics.median(a / b for a, b in pairs):.2f}) | {best} | {told} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("nets", nargs="*", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--compile", action="store_true", help="try torch.compile, too")
    parser.add_argument("--cpu", action="store_true", help="time of all threads, where it is busy")
    options = parser.parse_args()
    global CLOCK  # noqa: PLW0603 (one choice for the whole run)
    CLOCK = "cpu" if options.cpu else "wall"
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, load {os.getloadavg()}")
    print("| net | protonet, ms | by hand, ms | ratio | best way | all ways, ms |")
    print("|---|---|---|---|---|---|")
    for name in options.nets:
        print(compare(name, options.rounds, options.compile), flush=True)


if __name__ == "__main__":
    main()
