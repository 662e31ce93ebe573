"""The processes of one run under torchrun: who this one is, sums, and one decision for all."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from protonet.diagnostics import NetError

# The others wait while the first process tests; one that has died is noticed at once.
_PATIENCE = timedelta(days=1)
_TURN = 0.5
_LOG = logging.getLogger("protonet")


@dataclass(frozen=True)
class Group:
    """One process among those of the run. Source: Caffe's solver_count and solver_rank."""

    rank: int = 0
    size: int = 1

    @property
    def is_root(self) -> bool:
        """Whether this process tests, logs and writes."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Add up a tensor over all processes, in place."""
        if self.size > 1:
            with _peers():
                torch.distributed.all_reduce(values)
        return values

    def start_sum(self, values: Tensor) -> Any:
        """Begin to add up a tensor in place; ``wait`` on what comes back."""
        with _peers():
            return _Work(torch.distributed.all_reduce(_run_of(values), async_op=True))

    def from_root(self, values: Tensor) -> None:
        """Take the root's values of a tensor."""
        if self.size > 1:
            with _peers():
                torch.distributed.broadcast(_run_of(values), 0)

    def gather(self, value: Any) -> list[Any]:
        """What every process gives, in the order of the ranks; on every process."""
        if self.size == 1:
            return [value]
        every: list[Any] = [None] * self.size
        with _peers():
            torch.distributed.all_gather_object(every, value)
        return every


def _run_of(values: Tensor) -> Tensor:
    """The numbers of a dense tensor as they follow in memory, which is all that is sent."""
    if values.is_contiguous():
        return values
    return values.as_strided((values.numel(),), (1,), values.storage_offset())


class _Work:
    def __init__(self, work: Any) -> None:
        self.work = work

    def wait(self) -> None:
        with _peers():
            self.work.wait()


@contextmanager
def _peers() -> Iterator[None]:
    """Say it in one line where another process of the run is gone."""
    try:
        yield
    except RuntimeError as error:
        _LOG.debug("%s", error)
        time.sleep(_TURN)  # the other one's error comes first
        what = "another process of this run has ended"
        hint = "its own error says why; one that the system killed has none"
        raise PeerError(what, None, hint) from None


class PeerError(NetError):
    """A process ends because another one did."""


@contextmanager
def told_once() -> Iterator[None]:
    """Leave an error of all processes to the first: torchrun then ends the others.

    For what each of them reads before they train. An error of one alone is said a moment later.
    """
    try:
        yield
    except NetError:
        if is_joined() and int(os.environ["RANK"]):
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
            time.sleep(4 * _TURN)
        raise


@contextmanager
def summarised() -> Iterator[None]:
    """Under torchrun, say an error and leave it for the summary, which a user sees last; end.

    At once, for threads of gloo may wait for a process that is gone. Source:
    torch.distributed.elastic.multiprocessing.errors, which documents the file.
    """
    try:
        yield
    except NetError as error:
        if not is_joined():
            raise
        path = os.environ.get("TORCHELASTIC_ERROR_FILE")
        if path and not isinstance(error, PeerError):
            since = {"timestamp": str(int(time.time()))}
            content = {"message": {"message": str(error), "extraInfo": since}}
            Path(path).write_text(json.dumps(content), encoding="utf-8")
        print(error, file=sys.stderr, flush=True)
        os._exit(1)


def is_joined() -> bool:
    """Whether torchrun started this process as one of several."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def relaunch(gpus: Sequence[int]) -> None:
    """Start this command again under torchrun, one process for each GPU; does not return."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, gpus))
    os.execv(sys.executable, launch_command(len(gpus), sys.argv[1:]))  # noqa: S606 (our own)


def launch_command(processes: int, arguments: Sequence[str]) -> list[str]:
    """What torchrun is called with to run this command in several processes."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    # torchrun takes --log for an abbreviation of its own options.
    own = [f"--log-format{a[5:]}" if a.partition("=")[0] == "--log" else a for a in arguments]
    return [*torchrun, f"--nproc-per-node={processes}", "-m", "protonet", *own]


@contextmanager
def joined(device: str) -> Iterator[Group]:
    """The group that torchrun's environment describes; a group of one without it.

    It stands until the process ends where the block raises.
    """
    if not is_joined():
        yield Group()
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if device == "cuda":
        torch.cuda.set_device(local)
    with _peers():
        backend = "nccl" if device == "cuda" else "gloo"
        torch.distributed.init_process_group(backend, timeout=_PATIENCE)
    yield Group(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    # Not after an error: it waits for sums to which a process that is gone adds nothing.
    torch.distributed.destroy_process_group()
