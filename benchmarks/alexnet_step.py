"""A training step of AlexNet, batch 10, against the module that one writes by hand."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import torch
import torch.nn.functional as F
from handwritten import AlexNet

from protonet.training.loop import step
from protonet.training.plan import plan
from protonet.training.session import opened

ZOO = Path(__file__).parent.parent / "zoo_prototxt"
BATCH = 10
DATA = (
    'layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param { '
    f"shape {{ dim: {BATCH} dim: 3 dim: 227 dim: 227 }} shape {{ dim: {BATCH} }} "
    "data_filler { value: 0.5 } data_filler { value: 0 } } }"
)


def by_hand():
    """What one writes: torch's own layers, loss and optimiser."""
    net = AlexNet()
    net.classifier = net.classifier[:-1]  # cross_entropy has the softmax
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=0.0005)
    images, labels = torch.randn(BATCH, 3, 227, 227), torch.zeros(BATCH, dtype=torch.long)

    def once():
        optimizer.zero_grad()
        F.cross_entropy(net(images), labels).backward()
        optimizer.step()

    return once


def definition() -> str:
    """The zoo's AlexNet, its pictures made up."""
    text = (ZOO / "alexnet" / "train_val.prototxt").read_text(encoding="utf-8")
    layers = re.split(r"^(?=layer \{)", text, flags=re.MULTILINE)
    return layers[0] + DATA + "".join(s for s in layers[1:] if 'type: "Data"' not in s)


def run_alone(side: str, steps: int) -> None:
    """Print the seconds of each step; a process of its own has its own malloc."""
    solver = "base_lr: 0.01 lr_policy: 'fixed' momentum: 0.9 weight_decay: 0.0005 max_iter: 1000"
    made = plan(f"{solver} net_param {{ {definition()} }} snapshot_after_train: false\n")
    with ExitStack() as stack:
        if side == "ours":
            run = stack.enter_context(opened(made, device="cpu"))
        once = (lambda: step(run)) if side == "ours" else by_hand()
        once()
        for _ in range(steps):
            start = time.perf_counter()
            once()
            print(time.perf_counter() - start, flush=True)


def measure(rounds: int = 3, steps: int = 4):
    """Medians of both in seconds, and of their ratio round by round, run in turn."""
    pairs = []
    for number in range(rounds):
        sides = ("ours", "by hand") if number % 2 else ("by hand", "ours")
        took = {}
        for side in sides:
            command = [sys.executable, __file__, side, str(steps)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            took[side] = statistics.median(map(float, done.stdout.split()))
        pairs.append((took["ours"], took["by hand"]))
    median = statistics.median
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(a / b for a, b in pairs)


if __name__ == "__main__":
    run_alone(sys.argv[1], int(sys.argv[2]))
