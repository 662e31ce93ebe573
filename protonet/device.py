"""The device that a name means; it is refused where it is not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from protonet.diagnostics import NetError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
_HINT = "use --device cpu"


def device_kind(name: str, *, asks_cpu: bool = False) -> str:
    """The kind meant, cpu or cuda; auto is a GPU where there is one, unless the CPU is asked for.

    NetError where the name is unknown, or means a GPU and there is none.
    """
    import torch

    there = torch.cuda.is_available()
    if not isinstance(name, str) or name not in DEVICES:
        hint = f"it is one of {', '.join(DEVICES)}"
        raise NetError(f"the device {name!r} is unknown", None, hint)
    if name == "auto":
        return "cuda" if there and not asks_cpu else "cpu"
    if name == "cuda" and not there:
        raise NetError("there is no CUDA device here", None, _HINT)
    return name


def pick(name: str, gpu: int | None = None) -> torch.device:
    """The torch device of a name, or the GPU of a number. NetError where it is not there."""
    import torch

    if gpu is None:
        return torch.device(device_kind(name))
    refuse_absent([gpu])
    return torch.device("cuda", gpu)


def refuse_absent(gpus: Sequence[int]) -> None:
    """NetError where torch does not see one of these GPUs, or none is meant."""
    import torch

    there = torch.cuda.device_count()
    missing = [n for n in gpus if not 0 <= n < there]
    if missing or not gpus:
        what = f"there is no GPU {missing[0]} here" if missing else "there is no GPU here"
        raise NetError(f"{what}; torch sees {there}", None, _HINT)
