"""Positions beside a snapshot: files to damage, and what takes them up."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import torch
from binary_kinds import GOLDEN, HISTORY, kind

from protonet.api import read
from protonet.data import open_feeds
from protonet.schema.select import select
from protonet.training.carried import carry_on, started
from protonet.training.random import random_state
from protonet.training.snapshot import fingerprint, read_snapshot, restore_position
from protonet.weights.solver_state import SolverState, write_solver_state


class _Fed:
    """A net of which only the data are of interest."""

    device = torch.device("cpu")

    def __init__(self, net: str) -> None:
        self.feeds = open_feeds(select(read(net), "TRAIN"), "TRAIN", seed=1)

    def restore_data(self, states: Any) -> None:
        for feed, state in zip(self.feeds, states, strict=True):
            feed.restore(state)
            next(feed)

    def carry_on(self, saved: Any) -> None:
        module = torch.nn.Module()
        module.register_buffer("state", torch.zeros(2, 3), persistent=False)
        carry_on(module, started(module), saved)


_SOURCE = GOLDEN / "data"
_FED = f"""
layer {{ name: "d" type: "Data" top: "d" data_param {{ source: "{_SOURCE}/raw_lmdb" backend: LMDB
         batch_size: 2 }} transform_param {{ mirror: true }} }}
layer {{ name: "h" type: "HDF5Data" top: "x" hdf5_data_param {{ source: "%s" batch_size: 2
         shuffle: true }} }}
"""


def _fed(folder: Path) -> _Fed:
    (folder / "h5.txt").write_text("\n".join(str(_SOURCE / f"part{i}.h5") for i in (0, 1)))
    with h5py.File(_SOURCE / "part0.h5") as file:
        top = next(iter(file))
    return _Fed((_FED % (folder / "h5.txt")).replace('top: "x"', f'top: "{top}"'))


def _positions(folder: Path) -> None:
    fed = _fed(folder)
    rank = {
        "train": [f.state() for f in fed.feeds],
        "tests": [],
        "random": random_state(fed.device),
        "carried": {"state": {"dtype": "float32", "shape": [2, 3], "values": [0.5] * 6}},
    }
    saved = {"iteration": 7, "history_crc32": fingerprint(HISTORY), "ranks": [rank]}
    saved |= {"losses": [0.5, 1.0], "minimum_loss": 0.25, "last_event": 3}
    (folder / "a").write_text(json.dumps(saved))
    (folder / "h5.txt").unlink()
    for feed in fed.feeds:
        feed.close()


@kind("position", _positions)
def _read_position(path: Path) -> None:
    state = path.with_name("s.solverstate")
    write_solver_state(state, SolverState(7, "net.caffemodel", HISTORY, 3))
    os.replace(path, path.with_name("s.position.json"))
    _, position = read_snapshot(str(state))
    if position is not None and position.ranks:
        fed: Any = _fed(path.parent)
        try:
            restore_position(position, 0, fed, [])
        finally:
            for feed in fed.feeds:
                feed.close()
