"""Snapshots: Caffe's caffemodel and solverstate, and beside them where the data stood.

A snapshot is three files. They come under their names only when all of them are on the disk, the
solver state last, so that what can be resumed is whole.
"""

from __future__ import annotations

import json
import os
import re
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.data.position import Position
from protonet.diagnostics import NetError
from protonet.files import remove_leftovers, replacing_together, write_whole
from protonet.reading import reading
from protonet.schema.lookup import found
from protonet.schema.pool import message
from protonet.training.nets import Net
from protonet.training.plan import Plan
from protonet.training.random import random_state, restore_random
from protonet.weights.caffemodel import write_caffemodel
from protonet.weights.hdf5 import write_hdf5
from protonet.weights.mapping import dump_blobs
from protonet.weights.solver_state import SolverState, read_solver_state, write_solver_state

_BINARYPROTO = 1
_BEGUN = time.time()
_OF_A_RANK = ("train", "tests", "random")
_ADDED = ("carried", "tests_carried")  # which older files lack
_REMOVE = "remove it: the data will start at its first record"


def names(plan: Plan, iteration: int) -> tuple[str, str, str]:
    """The files of a snapshot: weights, position, solver state. Solver::SnapshotFilename."""
    suffix = "" if plan.solver.snapshot_format == _BINARYPROTO else ".h5"
    stem = f"{plan.prefix}_iter_{iteration}"
    return f"{stem}.caffemodel{suffix}", f"{stem}.position.json", f"{stem}.solverstate{suffix}"


def write_snapshot(
    plan: Plan, net: Net, state: SolverState, positions: Sequence[Any], more: Mapping[str, Any]
) -> str:
    """Write a snapshot; the path of its solver state.

    ``positions`` is what each process of the run gave by ``position``. OSError where the disk is
    full; nothing of the snapshot is left then, earlier ones stay as they are.
    """
    paths = names(plan, state.iteration)
    diffs = dump_blobs(net.module, diff=True) if plan.solver.snapshot_diff else None
    write = write_hdf5 if paths[0].endswith(".h5") else write_caffemodel
    position = {
        "iteration": state.iteration,
        "history_crc32": fingerprint(state.history),
        "ranks": list(positions),
        **more,
    }
    _remove_leftovers(plan)
    with replacing_together(paths) as (model, place, kept):
        write(model, _definition(net), dump_blobs(net.module), diffs, net.graph.encoding)
        write_whole(place, json.dumps(position) + "\n")
        write_solver_state(kept, state)
    return paths[-1]


def _remove_leftovers(plan: Plan) -> None:
    """Take away what was half written of earlier snapshots when their run was killed."""
    stem = rf"{re.escape(os.path.basename(plan.prefix))}_iter_\d+[.\w]*"
    remove_leftovers(os.path.dirname(plan.prefix) or ".", stem, _BEGUN)


@dataclass(frozen=True)
class SavedPosition:
    """Where the processes of a run stood in their data, and what else a solver state leaves out."""

    path: str
    ranks: Sequence[Mapping[str, Any]]
    losses: Sequence[float]
    minimum_loss: float
    last_event: int


def read_snapshot(path: str) -> tuple[SolverState, SavedPosition | None]:
    """A solver state, and the position beside it where there is one that belongs to it."""
    state = read_solver_state(path)
    stem = path.removesuffix(".h5").removesuffix(".solverstate")
    beside = Path(f"{stem}.position.json")
    if not beside.is_file():
        return state, None
    with reading(beside, "is no position that a snapshot left", _REMOVE):
        saved: dict[str, Any] = json.loads(beside.read_text(encoding="utf-8"))
        same = saved["iteration"] == state.iteration
        if not same or saved["history_crc32"] != fingerprint(state.history):
            return state, None
        ranks = [
            {key: rank[key] for key in (*_OF_A_RANK, *(key for key in _ADDED if key in rank))}
            for rank in saved["ranks"]
        ]
        losses = [float(loss) for loss in saved["losses"]]
        best, event = float(saved["minimum_loss"]), int(saved["last_event"])
        return state, SavedPosition(str(beside), ranks, losses, best, event)


def _definition(net: Net) -> Any:
    """What Caffe writes of a net: its name and its layers. Net::ToProto."""
    definition = message("NetParameter")
    definition.name = net.message.name
    definition.layer.extend(net.message.layer)
    return definition


def learned_net(state: SolverState, path: str) -> str:
    """The file with the weights of a solver state, from here or from the state's own folder."""
    folder = os.path.dirname(path)
    name = state.learned_net
    path_found = found(name, folder)
    if not Path(path_found).exists():
        path_found = found(os.path.basename(name), folder)
    if not Path(path_found).is_file():
        what = f"the weights {name!r} of the solver state {path} are not there"
        raise NetError(what, None, "they must lie where they were, or beside the state")
    return path_found


def fingerprint(history: Sequence[Array]) -> int:
    """A checksum of a history, to tell whether a position belongs to it."""
    value = 0
    for blob in history:
        value = zlib.crc32(np.ascontiguousarray(blob, "<f4").data.cast("B"), value)
    return value


def position(net: Net, tests: Sequence[Net]) -> Position:
    """Where this process stands in its data, its random numbers, and what its modules carry."""
    return {
        "train": net.data_state(),
        "tests": [test.data_state() for test in tests],
        "random": random_state(net.device),
        "carried": net.carried(),
        "tests_carried": [test.carried() for test in tests],
    }


def restore_position(saved: SavedPosition, rank: int, net: Net, tests: Sequence[Net]) -> None:
    """Go on in the data, with the random numbers and the modules, where ``position`` was taken.

    NetError where it is another net's, or is damaged.
    """
    own = saved.ranks[rank]
    with reading(saved.path, "can't be taken up", _REMOVE):
        net.restore_data(own["train"])
        for test, one in zip(tests, own["tests"], strict=False):
            test.restore_data(one)
        net.carry_on(own.get("carried", {}))
        for test, one in zip(tests, own.get("tests_carried", ()), strict=False):
            test.carry_on(one)
        restore_random(own["random"], net.device)
