"""What the numbers of a view tell: loops with steps, lists along axes, axes in another order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from protonet.lifting.values import NewBlob, View
from protonet.shape import Shape, count


def seen_of(view: View) -> Seen:
    """What is found out about a view, for all who ask."""
    if not isinstance(view.seen, Seen):
        view.seen = Seen(view)
    return view.seen


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
    def elements(self) -> torch.Tensor:
        """The elements' places in the order of memory."""
        return self.view.index.flatten()

    @cached_property
    def together(self) -> int:
        """From which axis of the blob on its elements stay together, in rows that begin one."""
        shape, flat = self.base.shape, self.elements
        for axis in range(len(shape)):
            size = count(shape, axis)
            if size > 1 and len(flat) and not len(flat) % size and _are_rows(flat, size):
                return axis
        return len(shape)

    @cached_property
    def row(self) -> int:
        """How many elements stay together: all that is seen is counted in such rows."""
        return count(self.base.shape, self.together)

    @cached_property
    def sizes(self) -> Shape:
        """The blob's shape in rows: 1 for each axis that stays as it is."""
        return _in_rows(self.base.shape, self.together)

    @cached_property
    def flat(self) -> torch.Tensor:
        """The rows' places in the order of memory."""
        return rows_of(self.elements, self.row)

    @cached_property
    def kept(self) -> int:
        """From which axis of the blob on the view has the same as its last, and rows of them."""
        shape, own = self.base.shape, self.shape
        axes = range(max(self.together, len(shape) - len(own)), len(shape) + 1)
        return next(a for a in axes if shape[a:] == own[len(own) - len(shape) + a :])

    @cached_property
    def grid(self) -> torch.Tensor:
        """The places in the view's shape, of rows of the axes that both have."""
        axes = len(self.base.shape) - self.kept
        lead = self.shape[: len(self.shape) - axes]
        rows = rows_of(self.elements, count(self.base.shape, self.kept))
        return rows.view(*lead, *(1,) * axes)

    @cached_property
    def grid_sizes(self) -> Shape:
        """The blob's shape in the rows that the grid counts."""
        return _in_rows(self.base.shape, self.kept)

    @cached_property
    def has_zeros(self) -> bool:
        """Whether zeros stand among the elements."""
        return bool((self.flat < 0).any())

    @cached_property
    def is_whole(self) -> bool:
        """Whether the elements are all of the blob's in their order."""
        return len(self.flat) == count(self.sizes) and torch.equal(
            self.flat, torch.arange(len(self.flat))
        )

    @cached_property
    def loops(self) -> tuple[tuple[int, int], ...] | None:
        """(size, step) of nested loops over the rows, the outermost first; None where none do.

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
        lists, kept = self._lines(), self.kept
        if lists is None:
            lists, kept = self._rows(), self.together
        if lists is None:
            return None
        return lists[:kept] + [torch.arange(size) for size in self.base.shape[kept:]]

    def _lines(self) -> list[torch.Tensor] | None:
        """The lists where the view has the blob's axes, as its own lines tell them."""
        if len(self.shape) != len(self.base.shape):
            return None
        total = torch.zeros((), dtype=torch.int64)
        lists = []
        for axis, size in enumerate(self.grid_sizes):
            first = self.grid.movedim(axis, 0).reshape(self.grid.shape[axis], -1)[:, 0]
            inner = count(self.grid_sizes, axis + 1)
            lists.append(torch.div(first, inner, rounding_mode="floor") % size)
            total = total[..., None] + lists[-1] * inner
        return lists if torch.equal(total, self.grid) else None

    def _rows(self) -> list[torch.Tensor] | None:
        """The lists of a view of any shape, from its rows in the order of memory."""
        lists, rest = [], self.flat
        for size in self.sizes[::-1]:
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
        if loops is None or len(self.flat) != count(self.sizes) or int(self.flat[0]):
            return None
        order = sorted(range(len(loops)), key=lambda i: -loops[i][1])
        inner = 1
        for i in reversed(order):
            if loops[i][1] != inner:
                return None
            inner *= loops[i][0]
        shape = tuple(loops[i][0] for i in order)
        places = tuple(order.index(i) for i in range(len(loops)))
        return (shape, places) if self.row == 1 else ((*shape, self.row), (*places, len(places)))


def _in_rows(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + (1,) * (len(shape) - axis)


def rows_of(index: torch.Tensor, row: int) -> torch.Tensor:
    """Places of elements as places of the rows in which they stay together, -1 for zeros."""
    firsts = index.flatten()[::row]
    return firsts if row == 1 else torch.div(firsts, row, rounding_mode="floor")


def elements_of(rows: torch.Tensor, row: int) -> torch.Tensor:
    """Places of rows as places of their elements, on a last axis."""
    places = rows[..., None] * row + torch.arange(row)
    return torch.where(rows[..., None] < 0, -1, places)


def _are_rows(flat: torch.Tensor, size: int) -> bool:
    """Whether places are rows of elements that lie together, or rows of zeros.

    By numpy, which takes one thread: many are asked, and most are short.
    """
    rows = flat.numpy().reshape(-1, size)
    firsts, lasts = rows[:, 0], rows[:, -1]
    zeros = firsts < 0
    if (firsts[~zeros] % size).any() or not np.array_equal(lasts - firsts, (size - 1) * ~zeros):
        return False
    if zeros.any():
        return bool((rows[zeros] < 0).all()) and _are_rows(torch.from_numpy(rows[~zeros]), size)
    return bool(
        np.array_equal(rows - firsts[:, None], np.broadcast_to(np.arange(size), rows.shape))
    )


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
