"""A number that a GPU computes, read without waiting for what comes after it."""

from __future__ import annotations

import torch
from torch import Tensor


class Reading:
    """A number on its way from a GPU, which goes on meanwhile; a CPU's is there at once.

    ``float(tensor)`` waits for everything that the GPU was given until then. This waits for what
    was given before it was made, so that a loss is read while the backward pass runs.
    """

    def __init__(self, value: Tensor) -> None:
        self._value = value.detach()
        self._arrival: torch.cuda.Event | None = None
        if self._value.device.type == "cuda":
            here = torch.empty_like(self._value, device="cpu", pin_memory=True)
            self._arrival = torch.cuda.Event()  # type: ignore[no-untyped-call,unused-ignore]
            stream = torch.cuda.current_stream(self._value.device)
            self._value = here.copy_(self._value, non_blocking=True)
            self._arrival.record(stream)

    def __float__(self) -> float:
        if self._arrival is not None:
            self._arrival.synchronize()
        return float(self._value)
