"""Whole loops of training on a GPU, data and all, against loops that one writes by hand."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import re
import shutil
from pathlib import Path

import gpu_nets as nets
import torch
import torch.nn.functional as F
from gpu_report import measured
from torch import nn

from protonet.training.loop import step
from protonet.training.plan import plan
from protonet.training.session import opened

SOLVER = "base_lr: 0.0001 lr_policy: 'fixed' momentum: 0.9 weight_decay: 0.0005 max_iter: 1000000"


def cases(folder, device, quick, seconds):
    """(net, task, mode, work) of each loop."""
    batch = 2 if quick else 128
    for mode in (nets.TF32, nets.BF16):
        work = functools.partial(alexnet, batch, mode, device, seconds)
        yield "AlexNet", f"the loop, batch {batch}, made-up data", mode.title, work
    if importlib.util.find_spec("lmdb"):
        work = functools.partial(lenet, folder, device, seconds)
    else:
        work = functools.partial(left_out, "not run: there is no lmdb here")
    yield "LeNet", "the loop, batch 64, MNIST from LMDB", nets.TF32.title, work


def left_out(why):
    return "", "", why


def definition(batch):
    """The zoo's AlexNet, its pictures made up."""
    text = (nets.ZOO / "alexnet" / "train_val.prototxt").read_text(encoding="utf-8")
    layers = re.split(r"^(?=layer \{)", text, flags=re.MULTILINE)
    data = (
        'layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param { '
        f"shape {{ dim: {batch} dim: 3 dim: 227 dim: 227 }} shape {{ dim: {batch} }} "
        "data_filler { value: 0.5 } data_filler { value: 0 } } }"
    )
    return layers[0] + data + "".join(s for s in layers[1:] if 'type: "Data"' not in s)


def alexnet(batch, mode, device, seconds):
    """The solver's loop over made-up data; by hand, a batch in pinned memory moved each time."""
    mode.enter([], device)
    made = plan(f"{SOLVER} net_param {{ {definition(batch)} }} snapshot_after_train: false\n")
    other = nets.in_training("alexnet", batch, device)
    batches = torch.full((batch, 3, 227, 227), 0.5), torch.zeros(batch)
    theirs = by_hand(other.theirs, other.optimizers[1], batches, mode, device)
    return compared(made, theirs, mode, device, seconds)


def by_hand(net, optimizer, batch, mode, device):
    """A step as one writes it: move the batch, forward, backward, update, read the loss."""
    if device == "cuda":
        batch = [x.pin_memory() for x in batch]

    def once():
        x, labels = (x.to(device, non_blocking=True) for x in batch)
        optimizer.zero_grad()
        with torch.autocast(device, dtype=torch.bfloat16, enabled=mode.bf16):
            loss = net(x, labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return once


def compared(made, theirs, mode, device, seconds):
    precision = "bf16" if mode.bf16 else "fp32"
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(opened(made, device=device, precision=precision))
        return measured(lambda: step(run), theirs, device, seconds)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.ip1 = nn.Linear(800, 500)
        self.ip2 = nn.Linear(500, 10)

    def forward(self, x, labels):
        x = F.max_pool2d(self.conv1(x), 2)
        x = F.max_pool2d(self.conv2(x), 2)
        x = self.ip2(F.relu(self.ip1(x.flatten(1))))
        return F.cross_entropy(x, labels.long())


def lenet(folder, device, seconds):
    """The zoo's solver, its records decoded each time; by hand, one batch again and again."""
    for name in ("lenet", "data"):
        shutil.copytree(nets.ZOO / name, Path(folder) / name, dirs_exist_ok=True)
    made = plan(str(Path(folder) / "lenet" / "solver.prototxt"))
    made.solver.display = made.solver.test_interval = made.solver.snapshot = 0
    made.solver.max_iter = 1_000_000
    nets.TF32.enter([], device)
    net = LeNet().to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=0.0005)
    batch = torch.rand(64, 1, 28, 28), torch.arange(64.0) % 10
    return compared(
        made, by_hand(net, optimizer, batch, nets.TF32, device), nets.TF32, device, seconds
    )
