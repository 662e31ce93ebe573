"""The entries of a list in the order in which they are taken, shared among processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from protonet.data.definition import Definition, Seeds
from protonet.data.order import Order, OrderMark
from protonet.data.position import Position

E = TypeVar("E")


@dataclass(frozen=True)
class RoundsMark:
    """Where a list stands: its order, and how many entries it has gone on in all."""

    order: OrderMark
    offset: int

    def state(self) -> Position:
        """As JSON can hold it."""
        return {"order": self.order.state(), "offset": self.offset}


class Rounds(Generic[E]):
    """Entries round and round, as the list has them or shuffled, from a random one on.

    ``field`` names the layer's parameter, which has shuffle and rand_skip. Of several processes
    each takes its own entries in TRAIN, of one order for all. ``seed`` is the shuffle's where it
    is not drawn. Source: the data layers of image lists in Caffe and its forks, which do alike.
    """

    def __init__(
        self,
        definition: Definition,
        seeds: Seeds,
        entries: Sequence[E],
        field: str,
        seed: int | None = None,
    ) -> None:
        self._definition = definition
        self._entries = entries
        parameter: Any = getattr(definition.layer, field)
        if parameter.shuffle and seed is None:
            seed = seeds.common()
        self._order = Order(len(entries), seed if parameter.shuffle else None)
        self._offset = 0
        skips = "rand_skip" in parameter.DESCRIPTOR.fields_by_name and parameter.rand_skip
        skip = seeds.common() % parameter.rand_skip if skips else 0
        if skip >= len(entries):
            what = f"rand_skip would skip {skip} lines of {len(entries)}"
            raise definition.error(what, field, "rand_skip")
        for _ in range(skip):
            self._order.advance()

    @property
    def current(self) -> E:
        """The entry at the place where it stands."""
        return self._entries[self._order.current]

    def take(self, count: int) -> list[E]:
        """The next ``count`` entries of this process."""
        taken = []
        for _ in range(count):
            while self._is_anothers():
                self._advance()
            taken.append(self.current)
            self._advance()
        return taken

    def _is_anothers(self) -> bool:
        definition = self._definition
        return definition.training and self._offset % definition.world != definition.rank

    def _advance(self) -> None:
        self._offset += 1
        self._order.advance()

    def mark(self) -> RoundsMark:
        """Where it stands; cheap."""
        return RoundsMark(self._order.mark(), self._offset)

    def go_to(self, state: Position) -> None:
        """Go on where a mark's ``state`` says. ValueError where the list was another."""
        self._order.go_to(state["order"])
        self._offset = int(state["offset"])
