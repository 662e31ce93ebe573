"""Pooling of all, or of windows that divide the image as evenly as they can."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from protonet.lifting.framing import reads
from protonet.lifting.movement.linear import along
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.patterns.pooling import largest_of
from protonet.lifting.planes import Which, over_planes, pooled_axes
from protonet.lifting.values import Held
from protonet.lifting.windows import PoolWindow
from protonet.shape import Shape, count

_MOST = 2**20  # weights of one InnerProduct over the whole plane


@lifts(
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "_adaptive_avg_pool2d",
    "_adaptive_avg_pool3d",
)
def adaptive_average(operator: Operator, x: Held, size: Sequence[int]) -> Held:  # noqa: ARG001
    """Pooling AVE where all windows are alike, else InnerProduct with the means' weights."""

    def pool(plane: Held, _: Which, tops: Shape) -> Held:
        found = _alike(operator, plane, tops, "AVE")
        return found or _means(operator, plane, tops)

    return over_planes(operator, x, pooled_axes(operator), pool)


@lifts("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def adaptive_largest(
    operator: Operator,
    x: Held,
    size: Sequence[int],  # noqa: ARG001
) -> tuple[Held | None, ...]:
    """Pooling MAX; over windows that are not alike, after their elements are laid side by side."""
    if reads(operator, 1):
        operator.refuse("Caffe does not tell the places", "find them after the net")

    def pool(plane: Held, _: Which, tops: Shape) -> Held:
        found = _alike(operator, plane, tops, "MAX")
        return found or largest_of(operator, plane, *_lines(plane.shape[2:], tops))

    return over_planes(operator, x, pooled_axes(operator), pool), None


def _alike(operator: Operator, x: Held, tops: Shape, method: str) -> Held | None:
    """Pooling with windows of one size and distance; None where they have several."""
    sizes = x.shape[2:]
    if sizes == tops:
        return x
    how = None if method == "MAX" else method
    if tops == (1, 1):
        return operator.layer("Pooling", x, pool=how, global_pooling=True)
    found = [_even(n, o) for n, o in zip(sizes, tops, strict=True)]
    if None in found:
        return None
    kernel, stride = zip(*(each for each in found if each is not None), strict=True)
    fields = PoolWindow(kernel, stride, (0, 0)).fields(sizes)
    return operator.layer("Pooling", x, pool=how, **fields)


def bounds(size: int, tops: int) -> list[tuple[int, int]]:
    """Where each of torch's adaptive windows starts and stops along an axis."""
    return [(i * size // tops, -(-(i + 1) * size // tops)) for i in range(tops)]


def _even(size: int, tops: int) -> tuple[int, int] | None:
    """The windows' size and distance; None where they differ."""
    starts, stops = zip(*bounds(size, tops), strict=True)
    spans = {stop - start for start, stop in zip(starts, stops, strict=True)}
    steps = {b - a for a, b in zip(starts, starts[1:], strict=False)} or {1}
    return (spans.pop(), steps.pop()) if len(spans) == len(steps) == 1 else None


def _lines(sizes: Shape, tops: Shape) -> list[tuple[torch.Tensor, int, int]]:
    """The elements along each axis so that all windows are alike: each window's side by side."""
    found = []
    for size, top in zip(sizes, tops, strict=True):
        even = _even(size, top)
        if even is not None:
            found.append((torch.arange(size), *even))
            continue
        ends = torch.tensor(bounds(size, top))
        most = int((ends[:, 1] - ends[:, 0]).max())
        taps = torch.minimum(ends[:, :1] + torch.arange(most), ends[:, 1:] - 1)
        found.append((taps.flatten(), most, most))
    return found


def _weights(size: int, tops: int) -> torch.Tensor:
    """The matrix that gives the means along an axis."""
    matrix = torch.zeros(tops, size, dtype=torch.float64)
    for row, (start, stop) in enumerate(bounds(size, tops)):
        matrix[row, start:stop] = 1 / (stop - start)
    return matrix


def _means(operator: Operator, x: Held, tops: Shape) -> Held:
    """All means of a plane by one matrix, or by one for each axis where that grows too large."""
    (h, w) = x.shape[2:]
    down, across = _weights(h, tops[0]), _weights(w, tops[1])
    if h * w * tops[0] * tops[1] <= _MOST:
        made = operator.layer(
            "InnerProduct",
            x,
            blobs=[torch.kron(down, across)],
            num_output=count(tops),
            bias_term=False,
            axis=2,
        )
        return operator.reshape(made, (*x.shape[:2], *tops))
    return along(operator, along(operator, x, 3, across, "across"), 2, down, "down")


examples = (
    LiftExample(lambda: nn.AdaptiveAvgPool2d(1), ((2, 3, 5, 4),), ("Pooling",)),
    LiftExample(lambda: nn.AdaptiveAvgPool2d((3, 6)), ((1, 2, 6, 7),), ("Pooling",)),
    LiftExample(lambda: nn.AdaptiveAvgPool2d(3), ((1, 2, 7, 8),), ("InnerProduct", "Reshape")),
    LiftExample(lambda: nn.AdaptiveMaxPool2d(2), ((1, 2, 6, 4),), ("Pooling",)),
    LiftExample(
        lambda: nn.AdaptiveMaxPool2d((3, 2)),
        ((1, 2, 5, 4),),
        ("Slice", "Concat", "Pooling"),
    ),
)
