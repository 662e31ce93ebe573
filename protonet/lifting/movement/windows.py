"""Windows that go over one axis: the pad, stride and weights that a matrix is made of."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from protonet.lifting.draft import Fields

WIDEST = 8  # a window that shifts elements reaches no further
_DEFAULTS = {"stride": 1, "pad": 0}


@dataclass(frozen=True, eq=False)
class Sweep:
    """A window along one axis."""

    weights: torch.Tensor
    stride: int
    pad: int


def field_of(name: str, high: int, wide: int) -> Fields:
    """The fields of a window's height and width: one where both are equal, none for a default."""
    if high != wide:
        return {f"{name}_h": high, f"{name}_w": wide}
    plain = "kernel_size" if name == "kernel" else name
    return {} if high == _DEFAULTS.get(name) else {plain: high}


def fitting(before: int, after: int, step: int, low: int, high: int) -> tuple[int, int] | None:
    """The smallest pad and kernel of windows that reach from ``low`` up to ``high``.

    The places count from where a window's part of the axis begins; the windows are as many as
    ``after``. None where they would be wider than a limit.
    """
    for pad in range(max(0, -low), WIDEST + 1):
        kernel = max(high + pad + 1, before + 2 * pad - after * step + 1)
        if kernel <= before + 2 * pad - (after - 1) * step:
            return (pad, kernel) if kernel <= WIDEST else None
    return None


def shifted(matrix: torch.Tensor) -> Sweep | None:
    """The window that gives every row of a matrix at its place; None where rows differ."""
    after, before = matrix.shape
    starts, stops = _reaches(matrix)
    stride = int(starts[1] - starts[0]) if after > 1 else 1
    first, width = int(starts[0]), int((stops - starts).max())
    if stride < 1 or width > WIDEST:
        return None
    found = fitting(before, after, stride, first, first + width - 1)
    if found is None:
        return None
    pad, kernel = found
    weights = torch.zeros(kernel)
    row = matrix[0, first : first + width]
    weights[first + pad : first + pad + len(row)] = row
    side = Sweep(weights, stride, pad)
    return side if torch.allclose(_matrix(side, after, before), matrix, atol=1e-7) else None


def _reaches(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the numbers of each row that are not zero start and stop."""
    there = matrix != 0
    places = torch.arange(matrix.shape[1])
    starts = torch.where(there, places, matrix.shape[1]).amin(1)
    return starts, torch.where(there, places, -1).amax(1) + 1


def _matrix(side: Sweep, after: int, before: int) -> torch.Tensor:
    """The matrix of a window that goes over an axis."""
    wide = torch.zeros(after, before + 2 * side.pad)
    for row in range(after):
        start = row * side.stride
        wide[row, start : start + len(side.weights)] = side.weights
    return wide[:, side.pad : side.pad + before]


def spread(matrix: torch.Tensor, close: float) -> tuple[Sweep, torch.Tensor] | None:
    """The window that spreads every place over a whole factor of others, and each row's share.

    The matrix is of places between which is interpolated: a row is that of the window, as far as
    it reaches into the axis, divided by what it then weighs. None where the matrix is another.
    """
    after, before = matrix.shape
    factor = after // before
    if factor * before != after:
        return None
    width = 2 * factor - factor % 2
    places = torch.arange(width, dtype=torch.float64)
    weights = 1 - (places - (width - 1) / 2).abs() / factor
    side = Sweep(weights.float(), factor, (width - factor) // 2)
    reached = _matrix(Sweep(weights, factor, side.pad), before, after).double().T
    shares = 1 / reached.sum(1)
    right = torch.allclose(shares[:, None] * reached, matrix.double(), atol=close)
    return (side, shares.float()) if right else None
