"""LeNet on MNIST: protonet's training against a loop that one writes by hand in PyTorch."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import lmdb
import numpy as np
import torch
import torch.nn.functional as F
from handwritten import LeNet

import protonet
from protonet.schema.pool import message
from protonet.training.loop import step
from protonet.training.plan import plan
from protonet.training.session import opened

ROOT = Path(__file__).parent.parent
SOLVER = ROOT / "zoo_prototxt" / "lenet" / "solver.prototxt"
DIGITS = ROOT / "zoo_prototxt" / "data" / "mnist_train_lmdb"
ITERATIONS, BATCH = 20, 64
CAFFES = 43  # iterations a second that real Caffe did on such a machine, on two cores


def digits():
    """All images and labels as they are in the database, in memory."""
    images, labels = [], []
    with lmdb.open(str(DIGITS), readonly=True, lock=False) as database, database.begin() as reading:
        for _, value in reading.cursor():
            datum = message("Datum")
            datum.ParseFromString(value)
            images.append(np.frombuffer(datum.data, np.uint8).reshape(1, 28, 28))
            labels.append(datum.label)
    return torch.from_numpy(np.stack(images)), torch.tensor(labels)


class ByHand:
    """The plain loop: slices of a tensor, autograd, and Caffe's update a parameter at a time."""

    def __init__(self):
        self.net = LeNet()
        self.images, self.labels = digits()
        self.velocity = {p: torch.zeros_like(p) for p in self.net.parameters()}
        self.iteration = 0

    def step(self):
        rows = torch.arange(BATCH) + self.iteration * BATCH
        rows %= len(self.images)
        x = self.images[rows].float() * 0.00390625
        loss = F.cross_entropy(self.net(x), self.labels[rows])
        self.net.zero_grad()
        loss.backward()
        rate = 0.01 * (1 + 0.0001 * self.iteration) ** -0.75
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                local = rate * (2 if name.endswith("bias") else 1)
                v = self.velocity[p]
                v.mul_(0.9).add_(p.grad + 0.0005 * p, alpha=local)
                p.sub_(v)
        self.iteration += 1
        self.loss = loss.item()


def lenet(paired):
    """One row: the ratio of both loops, and our iterations a second beside Caffe's."""
    made = plan(str(SOLVER))
    made.solver.display = made.solver.test_interval = made.solver.snapshot = 0
    other = ByHand()
    with tempfile.TemporaryDirectory() as folder, opened(made, device="cpu") as run:
        os.chdir(folder)
        blobs = protonet.dump_blobs(run.net.module)
        for layer, (weight, bias) in blobs.items():
            target = getattr(other.net, layer)
            target.weight.data = torch.from_numpy(weight).clone()
            target.bias.data = torch.from_numpy(bias).clone()
        # Later on the last bits, in which a fused update differs, have grown to thousandths.
        for _ in range(21):
            step(run), other.step()
            assert abs(run.losses[-1] - other.loss) < 1e-5, "not the same data or arithmetic"
        ours, theirs, ratio = paired(
            lambda: [step(run) for _ in range(ITERATIONS)],
            lambda: [other.step() for _ in range(ITERATIONS)],
            15,
        )
        os.chdir(ROOT)
    speeds = f"{ITERATIONS / ours:.0f} iterations a second, {ITERATIONS / theirs:.0f} by hand"
    yield (
        "training LeNet on MNIST, batch 64, against a loop written by hand",
        f"{ratio:.3f} × ({speeds}; Caffe {CAFFES})",
        "≤ 1 ×",
    )
