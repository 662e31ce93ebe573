"""The random numbers of Caffe's prefetching thread, which all that is drawn for a batch shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protonet.data.position import Position
from protonet.data.random import Mark, Random

_AT_ONCE = 1024
_FARTHEST = 1 << 24
_RANGE = np.float32(1 << 32)
_MOST = np.finfo(np.float32).max


@dataclass(frozen=True)
class StreamMark:
    """Where a stream stands: so many numbers behind a mark of its generator."""

    origin: Mark
    at: int

    def state(self) -> Position:
        """As JSON can hold it."""
        return {"random": self.origin.state(), "at": self.at}


class Stream:
    """Numbers drawn one after the other, which can be looked at before they are taken.

    Source: caffe_rng_rand, caffe_rng_uniform, roll_weighted_die.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._fill(_AT_ONCE)

    def _fill(self, count: int) -> None:
        self._origin = self._random.mark()
        self._numbers = self._random.raw(count)
        self._at = 0

    def peek(self, count: int) -> NDArray[np.uint32]:
        """The next numbers of 32 bits, which stay to be drawn."""
        assert count <= _FARTHEST - _AT_ONCE
        if self._at + count > len(self._numbers):
            self._random.back_to(self._origin)
            self._random.raw(self._at)
            self._fill(max(count, _AT_ONCE))
        return self._numbers[self._at : self._at + count]

    def skip(self, count: int) -> None:
        """Take the numbers that were looked at."""
        self._at += count

    def draw(self) -> int:
        """The next number of 32 bits."""
        number = int(self.peek(1)[0])
        self.skip(1)
        return number

    def uniform(self, low: float, high: float) -> np.float32:
        """The next number from low to high, both possible; some numbers are drawn again."""
        return drawn(self.draw, np.float32(low), np.float32(high))

    def weighted(self, weights: Sequence[float]) -> int:
        """A place among weights, as often as these say."""
        cumulative = np.cumsum(np.array(weights, np.float32), dtype=np.float32)
        value = self.uniform(0, cumulative[-1])
        return min(int(np.searchsorted(cumulative, value, side="left")), len(cumulative) - 1)

    def mark(self) -> StreamMark:
        """Where the stream stands, cheap to take."""
        return StreamMark(self._origin, self._at)

    def go_to(self, state: Position) -> None:
        """Go on where a mark's ``state`` says. ValueError where it is none."""
        at = int(state["at"])
        if not 0 <= at <= _FARTHEST:
            raise ValueError(f"its random numbers stand {at} behind their mark")
        self._random.back_to(Mark.of(state["random"]))
        self._random.raw(at)
        self._fill(_AT_ONCE)


def drawn(draw: Callable[[], int], low: np.float32, high: np.float32) -> np.float32:
    """A number from low to high, made of numbers of 32 bits.

    Source: caffe_rng_uniform, boost's uniform_real in single precision.
    """
    top = np.nextafter(high, _MOST)
    span = top - low
    while True:
        value: np.float32 = np.float32(draw()) / _RANGE * span + low
        if value < top:
            return value
