"""Channels chosen, shifted, stepped over and padded: a Convolution of zeros and ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from protonet.lifting.movement.groups import grouped
from protonet.lifting.movement.seen import Seen
from protonet.lifting.movement.windows import field_of, fitting
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob
from protonet.shape import count

_NOWHERE = -(2**40)  # where a channel of zeros begins


@dataclass(frozen=True, eq=False)
class Shifts:
    """For every channel given its channel before, -1 for none, and where its first place lies.

    ``steps`` and ``starts`` are of rows, then columns.
    """

    channels: torch.Tensor
    steps: tuple[int, int]
    starts: tuple[torch.Tensor, torch.Tensor]


def form(operator: Operator, seen: Seen) -> NewBlob | None:
    """The blob of (n, c, h, w) by way of one Convolution; None where places move otherwise."""
    before, after = seen.base.shape, seen.shape
    if len(before) != 4 or len(after) != 4 or before[0] != after[0] or not seen.flat.numel():
        return None
    if not operator.has("Convolution"):
        return None
    shifts = _shifts(seen)
    if shifts is None:
        return None
    sides = [
        _window(before[2 + i], after[2 + i], shifts.steps[i], shifts.starts[i]) for i in (0, 1)
    ]
    if None in sides:
        return None
    (pad_h, high), (pad_w, wide) = (side for side in sides if side)
    pairs = [(o, int(c)) for o, c in enumerate(shifts.channels) if c >= 0]
    group = grouped(after[1], before[1], pairs)
    width = before[1] // group
    weight = torch.zeros(after[1], width, high, wide)
    for o, c in pairs:
        row, column = int(shifts.starts[0][o]) + pad_h, int(shifts.starts[1][o]) + pad_w
        weight[o, c % width, row, column] = 1
    return operator.layer(
        "Convolution",
        seen.base,
        blobs=[weight],
        num_output=after[1],
        bias_term=False,
        **field_of("kernel", high, wide),
        **field_of("stride", *shifts.steps),
        **field_of("pad", pad_h, pad_w),
        group=group if group > 1 else None,
    )


def _shifts(seen: Seen) -> Shifts | None:
    """How channels were chosen and shifted; None where that is not all."""
    first = seen.grid[0]
    batch = torch.arange(seen.shape[0])[:, None, None, None] * count(seen.grid_sizes, 1)
    if not torch.equal(seen.grid, torch.where(first < 0, -1, first + batch)):
        return None
    _, high, wide = seen.grid_sizes[1:]
    channels = torch.where(first < 0, -1, first // (high * wide)).amax((1, 2))
    rows = _line(torch.where(first < 0, -1, first // wide % high).amax(2))
    columns = _line(torch.where(first < 0, -1, first % wide).amax(1))
    if rows is None or columns is None:
        return None
    found = Shifts(channels, (rows[0], columns[0]), (rows[1], columns[1]))
    return found if torch.equal(_places(found, seen), first) else None


def _line(places: torch.Tensor) -> tuple[int, torch.Tensor] | None:
    """The step along lines of places, (channels, places), and where each begins."""
    both = (places[:, 1:] >= 0) & (places[:, :-1] >= 0)
    steps = (places[:, 1:] - places[:, :-1])[both]
    step = int(steps[0]) if len(steps) else 1
    if step < 1:
        return None
    starts = places - torch.arange(places.shape[1]) * step
    return step, torch.where(places < 0, _NOWHERE, starts).amax(1)


def _places(found: Shifts, seen: Seen) -> torch.Tensor:
    """The places that the shifts give."""
    _, high, wide = seen.grid_sizes[1:]
    rows, columns = seen.grid.shape[2:]
    y = found.starts[0][:, None] + torch.arange(rows) * found.steps[0]
    x = found.starts[1][:, None] + torch.arange(columns) * found.steps[1]
    y, x, c = y[:, :, None], x[:, None, :], found.channels[:, None, None]
    outside = (y < 0) | (y >= high) | (x < 0) | (x >= wide) | (c < 0)
    return torch.where(outside, -1, (c * high + y) * wide + x)


def _window(before: int, after: int, step: int, starts: torch.Tensor) -> tuple[int, int] | None:
    """The smallest pad and kernel with which windows give so many places; None beyond a limit."""
    real = starts[starts > _NOWHERE]
    return fitting(before, after, step, int(real.min()), int(real.max())) if len(real) else None
