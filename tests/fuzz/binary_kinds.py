"""The kinds of files with weights that protonet reads: files to damage, and what reads them.

``seeds`` writes whole files of a kind into a folder; ``read`` does with one what a user would.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from safetensors.numpy import save_file

from protonet.schema.pool import message
from protonet.weights.caffemodel import definition, write_caffemodel
from protonet.weights.hdf5 import write_hdf5
from protonet.weights.mean import read_mean, write_mean
from protonet.weights.read import open_any, read_blobs
from protonet.weights.solver_state import SolverState, read_solver_state, write_solver_state
from protonet.weights.stored import StoredNet

GOLDEN = Path(__file__).parents[1] / "golden"
_DRAW = np.random.RandomState(0)
HISTORY = [np.ones((4, 3), np.float32), np.zeros(4, np.float32)]


@dataclass(frozen=True)
class Kind:
    """``seeds(folder)`` writes files, ``read(path)`` reads one, ``whole`` makes its sums right."""

    seeds: Callable[[Path], None]
    read: Callable[[Path], Any]
    whole: Callable[[bytes], bytes] | None = None


KINDS: dict[str, Kind] = {}


def kind(name: str, seeds: Callable[[Path], None], whole: Any = None) -> Any:
    def add(function: Callable[[Path], Any]) -> Callable[[Path], Any]:
        KINDS[name] = Kind(seeds, function, whole)
        return function

    return add


def _net() -> Any:
    net = message("NetParameter")
    net.name = "small"
    for name in ("conv1", "conv2", "ip"):
        net.layer.add(name=name, type="InnerProduct").inner_product_param.num_output = 4
    return net


def _blobs(dtype: Any = np.float32) -> dict[str, list[Any]]:
    shapes = ((4, 3, 3, 3), (4,))
    return {n: [_DRAW.randn(*s).astype(dtype) for s in shapes] for n in ("conv1", "conv2", "ip")}


def _caffemodels(folder: Path) -> None:
    write_caffemodel(folder / "a", _net(), _blobs())
    write_caffemodel(folder / "b", _net(), _blobs(np.float64), _blobs(np.float64))
    shutil.copy(GOLDEN / "weights" / "v1_binary.caffemodel", folder / "c")


@kind("caffemodel", _caffemodels)
def _read_caffemodel(path: Path) -> None:
    read_blobs(path)
    opened = open_any(path)
    if isinstance(opened, StoredNet) and opened.skeleton:
        definition(opened)


def _states(suffix: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        write_solver_state(folder / f"a{suffix}", SolverState(7, "net.caffemodel", HISTORY, 3))
        write_solver_state(folder / f"b{suffix}", SolverState(2**31 - 1, "", [_DRAW.randn(2, 50)]))

    return write


@kind("solverstate", _states(".solverstate"))
@kind("solverstate.h5", _states(".solverstate.h5"))
def _read_state(path: Path) -> None:
    read_solver_state(path)


def _means(folder: Path) -> None:
    write_mean(folder / "a.binaryproto", _DRAW.randn(1, 3, 8, 9))
    write_mean(folder / "b.npy", _DRAW.randn(3, 8, 9).astype(np.float32))


@kind("mean", _means)
def _read_mean(path: Path) -> None:
    read_mean(path)


def _hdf5_weights(folder: Path) -> None:
    write_hdf5(folder / "a.h5", _net(), _blobs())
    with h5py.File(folder / "b.h5", "w", libver="latest") as file:
        for index, values in enumerate(_blobs()["ip"]):
            options = {"chunks": True, "compression": "gzip", "shuffle": True, "fletcher32": True}
            file.create_dataset(f"data/ip/{index}", data=values, **options)


@kind("hdf5 weights", _hdf5_weights)
def _read_hdf5_weights(path: Path) -> None:
    read_blobs(path)


def _tensors(folder: Path) -> None:
    save_file({"a.weight": _DRAW.randn(4, 3), "b": np.ones(5, np.float16)}, folder / "a.st")
    state = {"a.weight": torch.ones(4, 3), "b": torch.zeros(7, dtype=torch.bfloat16)}
    torch.save(state, folder / "b.pt")
    torch.save(state, folder / "c.pt", _use_new_zipfile_serialization=False)


def _some(*suffixes: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        _tensors(folder)
        for file in folder.iterdir():
            if file.suffix not in suffixes:
                file.unlink()

    return write


@kind("safetensors", _some(".st"))
@kind("pt", _some(".pt"))
def _read_tensors(path: Path) -> None:
    opened = open_any(path)
    if not isinstance(opened, StoredNet):
        for blob in opened.tensors.values():
            np.asarray(blob).sum()
