"""What a script sets for all nets: mode, device, seed, log and its place among processes."""

from __future__ import annotations

import operator
import os
import sys
import time
from dataclasses import dataclass

from protonet.diagnostics import NetError
from protonet.exporting.options import ENGINES

_MOST = 2**32
_QUIET = "GLOG_minloglevel"


@dataclass
class _State:
    """What was set so far."""

    seed: int | None = None
    level: int = 0
    told_of_gpu: bool = False
    engine: str = "torch"
    solvers: int = 1
    rank: int = 0


_STATE = _State()


def set_mode_cpu() -> None:
    """Compute on the CPU, as everything here does."""


def set_mode_gpu() -> None:
    """Compute on the CPU all the same, and say so once: arrays over blobs are the CPU's memory."""
    if not _STATE.told_of_gpu:
        _STATE.told_of_gpu = True
        say("set_mode_gpu: nets of this interface compute on the CPU; protonet.compile(...).cuda()")


def set_device(device: int) -> None:
    """Choose a GPU for set_mode_gpu; NetError where it is no number of one."""
    if not 0 <= _number(device) < _MOST:
        raise NetError(f"a device is a number from 0 on, not {device!r}", None, "set_device(0)")


def set_engine(name: str) -> None:
    """Have nets that only answer computed by "onnxruntime", by "torch", or by what can ("auto").

    NetError at another name. "auto" goes on with PyTorch where onnxruntime is not installed or
    can't say a layer.
    """
    if name not in ENGINES:
        what = f"an engine is {', '.join(ENGINES)}, not {name!r}"
        raise NetError(what, None, 'caffe.set_engine("auto")')
    _STATE.engine = name


def engine() -> str:
    """What nets that only answer are computed by."""
    return _STATE.engine


def set_random_seed(seed: int) -> None:
    """Start all random numbers, those of fillers, dropout and data, from a seed."""
    from protonet.training.random import seed_random

    if not 0 <= _number(seed) < _MOST:
        raise NetError(f"a seed is a whole number from 0 to {_MOST - 1}, not {seed!r}")
    _STATE.seed = _number(seed)
    seed_random(_STATE.seed)


def _number(given: object) -> int:
    """A whole number of any kind, numpy's among them; -1 where it is none."""
    try:
        return operator.index(given)  # type: ignore[arg-type]
    except TypeError:
        return -1


def next_seed() -> int | None:
    """The seed of the next net's data: each net after set_random_seed has another."""
    if _STATE.seed is None:
        return None
    own = _STATE.seed
    _STATE.seed = (own + 1) % _MOST
    return own


def init_log(level: int = 0, _stderr: bool = False) -> None:
    """Log from a level on: 0 all, 1 warnings, 2 errors. It always goes to stderr."""
    _STATE.level = level


def log(text: str) -> None:
    """Write a line of information, as glog does."""
    if logs():
        now = time.time()
        stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now))
        micros = int(now % 1 * 1e6)
        print(f"I{stamp}.{micros:06d} {text}", file=sys.stderr)


def logs() -> bool:
    """Whether lines of information are wanted."""
    return _STATE.level <= 0 and os.environ.get(_QUIET, "0") == "0"


def say(text: str) -> None:
    """Write a line that a script's user should see."""
    print(f"protonet: {text}", file=sys.stderr)


def solver_count() -> int:
    """How many solvers train together."""
    return _STATE.solvers


def set_solver_count(count: int) -> None:
    """Train with so many solvers together; one is all that this interface has."""
    if count != 1:
        what = f"{count} solvers can't train together through this interface"
        raise NetError(what, None, "torchrun --nproc-per-node N -m protonet train SOLVER")
    _STATE.solvers = count


def solver_rank() -> int:
    """Which of the solvers this is."""
    return _STATE.rank


def set_solver_rank(rank: int) -> None:
    """Be one of several solvers; 0 is all that there is."""
    if rank != 0:
        what = f"there is one solver, its rank is 0, not {rank}"
        raise NetError(what, None, "torchrun --nproc-per-node N -m protonet train SOLVER")


def set_multiprocess(several: bool) -> None:
    """Have solvers in several processes, which this interface has not: say so where asked for."""
    if several:
        set_solver_count(2)
