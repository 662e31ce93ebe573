"""Caffe's solver states, .solverstate and .solverstate.h5: iteration, net and history."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.data.extras import need
from protonet.data.hdf5_file import Hdf5, open_hdf5
from protonet.diagnostics import NetError
from protonet.files import replacing, write_whole
from protonet.schema.blobs import blob_bytes, open_content, stored_blob
from protonet.schema.wire import BYTES, VARINT, WireError, fields, header, signed, to_varint

_ITER, _LEARNED_NET, _HISTORY, _STEP = 1, 2, 3, 4


@dataclass(frozen=True)
class SolverState:
    """Where a solver stands: iterations done, its history blobs, the file of the weights."""

    iteration: int
    learned_net: str = ""
    history: list[Array] = field(default_factory=list)
    current_step: int = 0


def read_solver_state(path: str | os.PathLike[str]) -> SolverState:
    """Read either form, told by the suffix .h5, as Solver::Restore does.

    NetError where the file can't be read or is no solver state.
    """
    name = os.fspath(path)
    if name.endswith(".h5"):
        return _read_hdf5(name)
    content = open_content(name)
    state: dict[str, Any] = {"history": []}
    try:
        for one in fields(content.view):
            if one.number == _HISTORY and one.kind == BYTES:
                state["history"].append(stored_blob(content, one.start, one.stop).read())
            elif one.number == _LEARNED_NET and one.kind == BYTES:
                state["learned_net"] = bytes(content.view[one.start : one.stop]).decode()
            elif one.number in (_ITER, _STEP) and one.kind == VARINT:
                name_of = "iteration" if one.number == _ITER else "current_step"
                state[name_of] = signed(one.value)
        return SolverState(**state)
    except WireError as error:
        reason = f"{error.message} (byte {error.at:,})"
    except (TypeError, UnicodeDecodeError):
        reason = "it names no iteration"
    weights = name.endswith(".caffemodel")
    hint = "these are weights; give the .solverstate beside them" if weights else None
    raise NetError(f"{name} is no solver state: {reason}", None, hint or "is it the right file?")


def write_solver_state(path: str | os.PathLike[str], state: SolverState) -> None:
    """Write a state, whole or not at all, in the form that the suffix .h5 tells.

    Source: SGDSolver::SnapshotSolverStateToBinaryProto, SnapshotSolverStateToHDF5.
    """
    if os.fspath(path).endswith(".h5"):
        write_whole(path, _hdf5(state))
        return
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(b"\x08" + to_varint(state.iteration))
        learned = state.learned_net.encode()
        file.write(header(_LEARNED_NET, len(learned)) + learned)
        for blob in state.history:
            parts = blob_bytes(blob)
            file.write(header(_HISTORY, sum(len(part) for part in parts)))
            file.writelines(parts)
        file.write(b"\x20" + to_varint(state.current_step))


def _read_hdf5(name: str) -> SolverState:
    file = open_hdf5(name, "an HDF5 snapshot")
    try:
        history = file.find(file.root, "history")
        if not file.is_group(history):
            raise NetError(f"{name} is no solver state: it has no group 'history'")
        blobs = [_history_blob(file, history, index) for index in range(len(file.names(history)))]
        step = file.number("current_step")
        return SolverState(file.number("iter"), file.text("learned_net"), blobs, step)
    finally:
        file.close()


def _history_blob(file: Hdf5, history: Any, index: int) -> Array:
    found = file.find(history, str(index))
    if not file.is_array(found):
        raise NetError(f"{file.path} is no solver state: its history has no blob {index}")
    return file.read(f"blob {index} of the history", found, "f")


def _hdf5(state: SolverState) -> memoryview:
    """The bytes of the file, made in memory: HDF5 can't cope with a full disk."""
    library = need("h5py", "an HDF5 snapshot")
    memory = BytesIO()
    with library.File(memory, "w") as file:
        file.create_dataset("iter", data=np.array([state.iteration], np.int32))
        file.create_dataset("learned_net", data=np.bytes_(state.learned_net.encode() + b"\0"))
        file.create_dataset("current_step", data=np.array([state.current_step], np.int32))
        history = file.create_group("history")
        for index, blob in enumerate(state.history):
            history.create_dataset(str(index), data=np.asarray(blob, np.float32))
    return memory.getbuffer()
