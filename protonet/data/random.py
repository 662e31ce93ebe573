"""Caffe's random numbers: boost's mt19937, its modulo draws and its shuffle."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protonet.data.position import Position

WORDS = 624
_RANGE = 1 << 32


class Random:
    """A generator that gives the 32-bit numbers of Caffe's ``caffe_rng_rand`` for a seed.

    ``mark`` is where it stands, cheap to take; ``state`` and ``restore`` turn a mark into text
    and back. Source: Caffe::RNG, caffe_rng_rand.
    """

    def __init__(self, seed: int) -> None:
        self._twister = np.random.RandomState(seed % _RANGE)

    def raw(self, count: int) -> NDArray[np.uint32]:
        """The next ``count`` numbers of 32 bits."""
        return self._twister.randint(0, _RANGE, count, dtype=np.uint32)

    def draw(self) -> int:
        """The next number of 32 bits."""
        return int(self.raw(1)[0])

    def normal(self, rows: int, columns: int) -> NDArray[np.float64]:
        """Standard normal numbers from pairs of draws, by Box and Muller's transform."""
        pairs = (rows * columns + 1) // 2
        uniform = (self.raw(2 * pairs).astype(np.float64) + 0.5) / _RANGE
        radius, angle = np.sqrt(-2 * np.log(uniform[:pairs])), 2 * np.pi * uniform[pairs:]
        both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
        return both[: rows * columns].reshape(rows, columns)

    def shuffled(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """The items in a new order. Source: shuffle in Caffe's rng.hpp, boost's uniform_int."""
        order = items.tolist()
        last = np.arange(len(order) - 1, 0, -1, dtype=np.int64)
        for high, low in zip(last.tolist(), self._at_most(last).tolist(), strict=True):
            order[high], order[low] = order[low], order[high]
        return np.array(order, dtype=np.int64)

    def _at_most(self, highest: NDArray[np.int64]) -> NDArray[np.int64]:
        """A number from 0 to each of these, by equal buckets; what is left over is drawn again."""
        buckets = _RANGE // (highest + 1)
        raw = self.raw(len(highest)).astype(np.int64)
        while (over := np.flatnonzero(raw // buckets > highest)).size:
            raw = np.append(np.delete(raw, over[0]), self.draw())
        return raw // buckets

    def mark(self) -> Mark:
        """Where the generator stands."""
        state: Any = self._twister.get_state(legacy=False)
        return Mark(state["state"]["key"].tobytes(), int(state["state"]["pos"]))

    def back_to(self, mark: Mark) -> None:
        """Go on from a mark. ValueError where it is none; numpy would read anywhere."""
        key = np.frombuffer(mark.key, dtype=np.uint32)
        if not 0 <= mark.position <= len(key) == WORDS:
            raise ValueError(f"its random numbers stand at {mark.position} of {len(key)} words")
        self._twister.set_state(("MT19937", key, mark.position, 0, 0.0))


@dataclass(frozen=True)
class Mark:
    """Where a generator stands: the twister's 624 words and the place in them."""

    key: bytes
    position: int

    def state(self) -> Position:
        """As JSON can hold it."""
        return {"key": base64.b64encode(self.key).decode("ascii"), "position": self.position}

    @classmethod
    def of(cls, state: Position) -> Mark:
        """From what ``state`` gave."""
        return cls(base64.b64decode(state["key"]), int(state["position"]))
