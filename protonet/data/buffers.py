"""Memory for batches that is used again once nobody holds the batch that was in it."""

from __future__ import annotations

import threading
import weakref

import numpy as np

from protonet.arrays import Floats
from protonet.shape import Shape


def new_array(shape: Shape) -> Floats:
    """A new array, its values undefined."""
    return np.empty(shape, np.float32)


class Buffers:
    """Arrays on loan: fresh memory costs a page fault every four kilobytes, at every batch.

    An array is free again when the object that ``take`` gave is gone. A view of it does not keep
    it, for numpy lets a view hold on to the memory behind: hand it on as a torch tensor, which
    holds the object itself.
    """

    def __init__(self) -> None:
        self._free: dict[Shape, list[Floats]] = {}
        self._lock = threading.Lock()

    def take(self, shape: Shape) -> Floats:
        """An array of a shape, its values undefined."""
        with self._lock:
            free = self._free.get(shape)
            memory = free.pop() if free else new_array(shape)
        loan: Floats = memory.view()
        weakref.finalize(loan, self._give_back, shape, memory).atexit = False
        return loan

    def _give_back(self, shape: Shape, memory: Floats) -> None:
        with self._lock:
            self._free.setdefault(shape, []).append(memory)
