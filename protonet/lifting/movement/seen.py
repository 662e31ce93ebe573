"""What the numbers of a view tell: loops with steps, lists along axes, axes in another order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from protonet.lifting.values import NewBlob, View
from protonet.shape import Shape, count


@dataclass(frozen=True, eq=False)
class Seen:
    """A view and what is found out about it, each thing once."""

    view: View

    @property
    def base(self) -> NewBlob:
        """The blob that the elements are of."""
        return self.view.base

    @property
    def shape(self) -> Shape:
        """The shape of the view."""
        return self.view.shape

    @cached_property
    def flat(self) -> torch.Tensor:
        """The elements' places in the order of memory."""
        return self.view.index.flatten()

    @cached_property
    def has_zeros(self) -> bool:
        """Whether zeros stand among the elements."""
        return bool((self.flat < 0).any())

    @cached_property
    def is_whole(self) -> bool:
        """Whether the elements are all of the blob's in their order."""
        return len(self.flat) == count(self.base.shape) and torch.equal(
            self.flat, torch.arange(len(self.flat))
        )

    @cached_property
    def loops(self) -> tuple[tuple[int, int], ...] | None:
        """(size, step) of nested loops over the blob, the outermost first; None where none do.

        Loops that go on where another ends are one; the elements start at ``flat[0]``.
        """
        if self.has_zeros or not len(self.flat):
            return None
        loops: list[tuple[int, int]] = []
        rest = self.flat
        while len(rest) > 1:
            step = int(rest[1] - rest[0])
            size = _run(rest, step)
            if len(rest) % size:
                return None
            rows = rest.reshape(-1, size)
            if not torch.equal(rows, rows[:, :1] + torch.arange(size) * step):
                return None
            loops.append((size, step))
            rest = rows[:, 0]
        return tuple(loops[::-1])

    @cached_property
    def lists(self) -> list[torch.Tensor] | None:
        """Places along each axis of the blob whose every combination is taken, row by row."""
        if self.has_zeros or not len(self.flat) or not self.base.shape:
            return None
        return self._lines() or self._rows()

    def _lines(self) -> list[torch.Tensor] | None:
        """The lists where the view has the blob's axes, as its own lines tell them."""
        if len(self.shape) != len(self.base.shape):
            return None
        total = torch.zeros((), dtype=torch.int64)
        lists = []
        for axis, size in enumerate(self.base.shape):
            first = self.view.index.movedim(axis, 0).reshape(self.shape[axis], -1)[:, 0]
            inner = count(self.base.shape, axis + 1)
            lists.append(torch.div(first, inner, rounding_mode="floor") % size)
            total = total[..., None] + lists[-1] * inner
        return lists if torch.equal(total, self.view.index) else None

    def _rows(self) -> list[torch.Tensor] | None:
        """The lists of a view of any shape, from its elements in the order of memory."""
        lists, rest = [], self.flat
        for size in self.base.shape[::-1]:
            outer = torch.div(rest, size, rounding_mode="floor")
            changed = torch.nonzero(outer != outer[0])[:1].flatten().tolist()
            length = changed[0] if changed else len(rest)
            if len(rest) % length:
                return None
            starts = outer.reshape(-1, length)[:, 0]
            line = rest[:length] - outer[0] * size
            if not torch.equal(rest.reshape(-1, length), starts[:, None] * size + line):
                return None
            lists.append(line)
            rest = starts
        return lists[::-1]

    @cached_property
    def turned(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """The blob's shape as the sizes of loops, and the order that the view has them in."""
        loops = self.loops
        if loops is None or len(self.flat) != count(self.base.shape) or int(self.flat[0]):
            return None
        order = sorted(range(len(loops)), key=lambda i: -loops[i][1])
        inner = 1
        for i in reversed(order):
            if loops[i][1] != inner:
                return None
            inner *= loops[i][0]
        return tuple(loops[i][0] for i in order), tuple(order.index(i) for i in range(len(loops)))


def _run(rest: torch.Tensor, step: int) -> int:
    """How many elements from the first on have one step between them."""
    length = min(len(rest), 4096)
    while True:
        breaks = torch.nonzero(rest[1:length] - rest[: length - 1] != step)[:1].flatten().tolist()
        if breaks:
            return int(breaks[0]) + 1
        if length == len(rest):
            return length
        length = min(len(rest), length * 16)
