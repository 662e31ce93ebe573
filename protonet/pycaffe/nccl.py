"""Caffe's NCCL, which is not here, and says so."""

from __future__ import annotations

from typing import Any

from protonet.diagnostics import NetError

_HINT = "torchrun --nproc-per-node N -m protonet train SOLVER trains on several GPUs"


def has_nccl() -> bool:
    """Whether solvers of this interface train together over NCCL: they don't."""
    return False


class NCCL:
    """Solvers that train together. NetError whatever is asked of it."""

    def __init__(self, *_given: Any) -> None:
        raise NetError("this interface has no NCCL", None, _HINT)

    @staticmethod
    def new_uid() -> bytes:
        """A name for solvers that train together. NetError."""
        raise NetError("this interface has no NCCL", None, _HINT)
