"""Ranges of statements with one value in and one out, closed by a statement that joins branches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protonet.lowering.outline.flow import Made, ValueFlow
from protonet.lowering.outline.form import Key
from protonet.program.expr import Expr

LONGEST = 80  # statements


@dataclass(frozen=True)
class Region:
    """The statements of a class from ``start`` until before ``stop``."""

    flow: ValueFlow
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def key(self) -> Key:
        """Equal for regions that do the same with other variables and other numbers."""
        flow = self.flow
        return tuple(
            (flow.forms[i].key, flow.wiring(i, self.start)) for i in range(self.start, self.stop)
        )

    @property
    def ins(self) -> tuple[Made, ...]:
        """The values that are read from before, in the order in which they are read."""
        sources = self.flow.sources[self.start : self.stop]
        return tuple(dict.fromkeys(m for own in sources for m in own if m[0] < self.start))

    @property
    def outs(self) -> tuple[Made, ...]:
        """The values that are read behind."""
        made = (m for own in self.flow.makes[self.start : self.stop] for m in own)
        return tuple(m for m in made if any(at >= self.stop for at in self.flow.readers.get(m, ())))

    @property
    def slots(self) -> tuple[tuple[str, Expr], ...]:
        """What helpers are called with, by name."""
        forms = self.flow.forms[self.start : self.stop]
        return tuple(slot for one in forms for slot in one.slots)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The submodules in their order."""
        forms = self.flow.forms[self.start : self.stop]
        return tuple(name for one in forms for name in one.modules)

    @property
    def lines(self) -> int:
        """How much it is to read: a line for each submodule and each statement."""
        return len(self.attributes) + len(self)


def regions(flow: ValueFlow, start: int, stop: int) -> Iterator[Region]:
    """The outermost regions in a range, from the last to the first."""
    last = stop - 1
    while last >= start:
        found = _closed_by(flow, last, start)
        if found is None:
            last -= 1
        else:
            yield found
            last = found.start - 1


def _closed_by(flow: ValueFlow, last: int, low: int) -> Region | None:
    """The smallest region of which a statement that joins several values is the end."""
    outside = set(flow.sources[last])
    if len(outside) < 2 or not flow.free[last] or len(flow.makes[last]) != 1:
        return None
    for first in range(last - 1, max(low, last - LONGEST) - 1, -1):
        if not flow.free[first] or not flow.is_inside(first, last):
            return None
        outside.difference_update(flow.makes[first])
        outside.update(flow.sources[first])
        if len(outside) == 1:
            return Region(flow, first, last + 1)
    return None


def chain(flow: ValueFlow, start: int, stop: int) -> Region | None:
    """The statements of a range, where each reads the one before and nothing else does."""
    for index in range(start, stop):
        if not flow.free[index] or len(flow.sources[index]) != 1 or len(flow.makes[index]) != 1:
            return None
        if index > start and flow.sources[index][0] != flow.makes[index - 1][0]:
            return None
        if index + 1 < stop and not flow.is_inside(index, index + 1):
            return None
    return Region(flow, start, stop)
