"""What the zoo knows of a net: its paper, its figures as published, its recipe."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from protonet.zoo.writer import NetText, Training


@dataclass(frozen=True)
class Paper:
    """Where a net was published."""

    authors: str
    title: str
    where: str
    year: int


@dataclass(frozen=True)
class Solver:
    """The fields of a solver, apart from the net and the snapshots."""

    lines: tuple[str, ...]
    test_iter: int
    test_interval: int
    max_iter: int
    snapshot: int = 10000


@dataclass(frozen=True)
class Entry:
    """One net of the zoo.

    ``build`` adds the layers to a NetText that holds the data, None where the files are by hand.
    ``published`` is the number of parameters that ``source`` gives, BatchNorm's statistics not
    counted: "25,557,032", or "0.27 M" where only so many digits are known. ``new``, ``recipe``,
    ``differs`` and ``more`` are the README's sentences. The files in ``by_hand`` are not
    generated; a net that is ``on_demand`` is written when it is copied: its files are large.
    """

    name: str
    title: str
    paper: Paper
    shape: tuple[int, int, int, int]
    build: Callable[[NetText], None] | None
    training: Training
    solver: Solver
    published: str
    source: str
    new: str
    recipe: str
    differs: str = ""
    more: str = ""
    on_demand: bool = False
    by_hand: tuple[str, ...] = field(default=())


MEAN = "mean_value: 104 mean_value: 117 mean_value: 123"


def imagenet(
    batch: int, crop: int, filler: str = 'type: "msra"', transform: str = "", test_batch: int = 50
) -> Training:
    """Training on ILSVRC 2012: random crops and mirrors, the centre crop to test."""
    after = transform or f"crop_size: {crop} {MEAN}"
    return Training(
        ("ilsvrc12_train_lmdb", "ilsvrc12_val_lmdb"),
        (batch, test_batch),
        f"mirror: true {after}",
        f"mirror: false {after}",
        filler,
        top5=True,
    )


def steps(
    *at: int, rate: str, decay: str = "0.0001", extra: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """SGD with momentum 0.9 whose rate falls to a tenth at each of these iterations."""
    values = " ".join(f"stepvalue: {n}" for n in at)
    return (
        f"base_lr: {rate}",
        f'lr_policy: "multistep" gamma: 0.1 {values}',
        *extra,
        "momentum: 0.9",
        f"weight_decay: {decay}",
    )


def solver_text(entry: Entry) -> str:
    """solver.prototxt."""
    solver = entry.solver
    lines = [
        f"# {entry.title}: {entry.paper.authors}, {entry.paper.year}. The recipe is in README.md.",
        'net: "train_val.prototxt"',
        f"test_iter: {solver.test_iter}",
        f"test_interval: {solver.test_interval}",
        *solver.lines,
        f"max_iter: {solver.max_iter}",
        "display: 20",
        f"snapshot: {solver.snapshot}",
        f'snapshot_prefix: "{entry.name}"',
    ]
    return "\n".join(lines) + "\n"


def net_text(entry: Entry, train: bool) -> str:
    """deploy.prototxt or train_val.prototxt."""
    paper = entry.paper
    about = f'{entry.title}: {paper.authors},\n"{paper.title}", {paper.where} {paper.year}.'
    name = re.sub(r"[^A-Za-z0-9_]", "", entry.title.replace(" ", "_"))
    net = NetText(name, entry.shape, entry.training if train else None, about)
    assert entry.build
    entry.build(net)
    return net.text()
