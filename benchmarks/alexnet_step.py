"""A training step of AlexNet, batch 10, against the module that one writes by hand."""

from __future__ import annotations

import re
import statistics
import time
from contextlib import ExitStack

import torch
import torch.nn.functional as F
from handwritten import AlexNet

from protonet.training.loop import step
from protonet.training.plan import plan
from protonet.training.session import opened

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


def compiled(stack: ExitStack, definition: str):
    """An iteration of protonet train."""
    layers = re.split(r"^(?=layer \{)", definition, flags=re.MULTILINE)
    text = layers[0] + DATA + "".join(s for s in layers[1:] if 'type: "Data"' not in s)
    solver = "base_lr: 0.01 lr_policy: 'fixed' momentum: 0.9 weight_decay: 0.0005 max_iter: 1000"
    made = plan(f"{solver} net_param {{ {text} }} solver_mode: CPU snapshot_after_train: false\n")
    run = stack.enter_context(opened(made, device="cpu"))
    return lambda: step(run)


def measure(definition: str, rounds: int = 7):
    """Medians of both in seconds, and of their ratio pair by pair."""
    with ExitStack() as stack:
        ours, theirs = compiled(stack, definition), by_hand()
        ours(), theirs()
        pairs = []
        for number in range(rounds):
            order = (ours, theirs) if number % 2 else (theirs, ours)
            took = {}
            for work in order:
                start = time.perf_counter()
                work()
                took[work] = time.perf_counter() - start
            pairs.append((took[ours], took[theirs]))
    median = statistics.median
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(a / b for a, b in pairs)
