"""The order in which items are taken, round and round, shuffled anew each time or not."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protonet.data.position import Position
from protonet.data.random import Mark, Random


@dataclass(frozen=True, eq=False)
class OrderMark:
    """Where an order stands: the place in it and, where it is shuffled, the order itself."""

    position: int
    count: int
    random: Mark | None
    items: NDArray[np.int64] | None

    def state(self) -> Position:
        """As JSON can hold it."""
        state: Position = {"position": self.position, "count": self.count}
        if self.random is not None and self.items is not None:
            packed = zlib.compress(self.items.astype("<i8").tobytes())
            state["items"] = base64.b64encode(packed).decode("ascii")
            state["random"] = self.random.state()
        return state


class Order:
    """The numbers from 0 to ``count`` - 1, over and over; with a seed shuffled each time round.

    The seed may be a generator that others draw from, too.
    """

    def __init__(self, count: int, seed: int | Random | None) -> None:
        self.count = count
        self.position = 0
        self._random = Random(seed) if isinstance(seed, int) else seed
        self._items: NDArray[np.int64] | None = None
        self.resize(count)

    @property
    def current(self) -> int:
        """The item at the place where it stands."""
        return self.position if self._items is None else int(self._items[self.position])

    def advance(self) -> bool:
        """Go one item on; whether that began a new round."""
        self.position += 1
        if self.position < self.count:
            return False
        self.position = 0
        if self._random is not None and self._items is not None:
            self._items = self._random.shuffled(self._items)
        return True

    def resize(self, count: int) -> None:
        """Start over with another number of items."""
        self.count, self.position = count, 0
        if self._random is not None:
            self._items = self._random.shuffled(np.arange(count, dtype=np.int64))

    def mark(self) -> OrderMark:
        """Where it stands; cheap, for an order is never changed in place."""
        random = self._random.mark() if self._random is not None else None
        return OrderMark(self.position, self.count, random, self._items)

    def go_to(self, state: Position) -> None:
        """Stand where a mark's ``state`` says. ValueError where it was of other items."""
        if int(state["count"]) != self.count:
            raise ValueError(f"it was among {state['count']} items, and there are {self.count}")
        if ("items" in state) != (self._random is not None):
            raise ValueError("shuffle has been switched since")
        if not 0 <= int(state["position"]) < self.count:
            raise ValueError(f"it was at the item {state['position']} of {self.count}")
        if self._random is not None:
            self._items = self._unpacked(state["items"])
            self._random.back_to(Mark.of(state["random"]))
        self.position = int(state["position"])

    def _unpacked(self, items: str) -> NDArray[np.int64]:
        """The order that a state holds. ValueError where it is not one of all the items."""
        size = 8 * self.count
        data = zlib.decompressobj().decompress(base64.b64decode(items), size + 1)
        found = np.frombuffer(data[: len(data) // 8 * 8], "<i8").astype(np.int64)
        if len(data) != size or not np.array_equal(np.sort(found), np.arange(self.count)):
            raise ValueError(f"its order is not one of {self.count} items")
        return found
