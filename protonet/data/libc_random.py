"""The C library's rand, and the shuffle that C++ makes of it, by which forks order records."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FAR, _NEAR, _WARM = 31, 3, 310


class LibcRandom:
    """The numbers of glibc's rand() after srand(seed): sums of two earlier ones."""

    def __init__(self, seed: int) -> None:
        first = [seed or 1]
        for _ in range(_FAR - 1):
            word = first[-1] - (1 << 32) if first[-1] >> 31 else first[-1]
            high, low = divmod(abs(word), 127773)
            sign = -1 if word < 0 else 1
            nxt = sign * (16807 * low - 2836 * high)
            first.append(nxt + 2147483647 if nxt < 0 else nxt)
        self._last = deque(first[_NEAR:] + first[:_NEAR], _FAR)
        for _ in range(_WARM):
            self.draw()

    def draw(self) -> int:
        """The next number, 0 to 2147483647."""
        word = (self._last[0] + self._last[_FAR - _NEAR]) & 0xFFFFFFFF
        self._last.append(word)
        return word >> 1

    def shuffle(self, items: NDArray[np.int64], first: int, end: int) -> None:
        """Exchange each of these places with one up to it. Source: libstdc++'s random_shuffle."""
        for i in range(first + 1, end):
            j = first + self.draw() % (i - first + 1)
            items[i], items[j] = items[j], items[i]

    def state(self) -> list[int]:
        """Where it stands, as JSON can hold it."""
        return list(self._last)

    def back_to(self, state: Sequence[int]) -> None:
        """Stand where a ``state`` says. ValueError where it is none."""
        words = [int(word) & 0xFFFFFFFF for word in state]
        if len(words) != _FAR:
            raise ValueError(f"its random numbers stand at {len(words)} words, not {_FAR}")
        self._last = deque(words, _FAR)
