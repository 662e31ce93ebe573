"""Pooling: MAX and AVE over windows."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from protonet.lifting.draft import Fields
from protonet.lifting.framing import base_of, cropped, moved_to, reads, seen
from protonet.lifting.movement.padding import padded
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, lifts
from protonet.lifting.planes import Which, over_planes, pooled_axes, window_of
from protonet.lifting.values import Held, NewBlob, View
from protonet.lifting.windows import PoolWindow, Steps
from protonet.shape import Shape, count

_NEVER_NEGATIVE = frozenset(("Sigmoid", "AbsVal", "Softmax", "Exp", "BNLL"))


@lifts("max_pool1d", "max_pool2d", "max_pool3d")
def max_pool(
    operator: Operator,
    x: Held,
    kernel: Steps,
    stride: Steps = (),
    padding: Steps = 0,
    dilation: Steps = 1,
    ceil_mode: bool = False,  # noqa: ARG001  the sizes that it makes are known
) -> Held:
    """Pooling MAX, without the last row and column where Caffe has one more."""
    axes = pooled_axes(operator)
    window = window_of(axes, kernel, stride, padding, dilation)

    def pool(plane: Held, which: Which, tops: Shape) -> Held:
        return largest(operator, plane, window(which), tops)

    return over_planes(operator, x, axes, pool)


@lifts("max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices")
def max_pool_with_indices(
    operator: Operator,
    x: Held,
    kernel: Steps,
    stride: Steps = (),
    padding: Steps = 0,
    dilation: Steps = 1,
    ceil_mode: bool = False,
) -> tuple[Held | None, ...]:
    """Pooling MAX, whose second top tells the places where they are asked for."""
    if not reads(operator, 1):
        return max_pool(operator, x, kernel, stride, padding, dilation, ceil_mode), None
    axes = pooled_axes(operator)
    window = window_of(axes, kernel, stride, padding, dilation)
    found: list[Held] = []

    def pool(plane: Held, which: Which, tops: Shape) -> Held:
        own, sizes = window(which), plane.shape[2:]
        if axes == 3 or max(own.dilation) > 1 or not own.covers(sizes, tops):
            operator.refuse("Caffe tells the places in planes, in windows without gaps, alone")
        both = operator.layers("Pooling", plane, tops=2, **_fields(operator, own, sizes, tops))
        first, places = (cropped(operator, top, (*plane.shape[:2], *tops)) for top in both)
        found.append(seen(operator, places, operator.shape))
        return first

    return over_planes(operator, x, axes, pool), found[0]


@lifts("avg_pool1d", "avg_pool2d", "avg_pool3d")
def average_pool(
    operator: Operator,
    x: Held,
    kernel: Steps,
    stride: Steps = (),
    padding: Steps = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Held:
    """Pooling AVE, times what Caffe divides by and torch doesn't."""
    axes = pooled_axes(operator)
    window = window_of(axes, kernel, stride, padding, 1)

    def pool(plane: Held, which: Which, tops: Shape) -> Held:
        divisor = divisor_override
        if divisor is not None and which == (1, 2):
            divisor = 1  # the other of the two planes divides
        manner = (ceil_mode, count_include_pad, divisor)
        return _average(operator, plane, window(which), tops, manner)

    return over_planes(operator, x, axes, pool)


def largest(operator: Operator, x: Held, window: PoolWindow, tops: Shape) -> Held:
    """The largest of each window of a plane."""
    if set(window.kernel) == {1}:
        rows, columns = (torch.arange(o) * s for o, s in zip(tops, window.stride, strict=True))
        return gathered(operator, x, rows, columns)
    found = padded(x)
    if found is not None and _is_never_negative(operator, found[0]):
        inner, around = found
        before = tuple(a[0] + p for a, p in zip(around, window.padding, strict=True))
        whole = replace(window, padding=before)
        if whole.covers(inner.shape[2:], tops) and whole.taps(inner.shape[2:], tops) is not None:
            x, window = inner, whole
    sizes = x.shape[2:]
    if max(window.dilation) == 1 and window.covers(sizes, tops):
        top = operator.layer("Pooling", x, **_fields(operator, window, sizes, tops))
        return cropped(operator, top, (*x.shape[:2], *tops))
    taps = window.taps(sizes, tops)
    if taps is None:
        operator.refuse("a window of it sees the padding alone")
    return largest_of(operator, x, *((each.flatten(), *each.shape[1:] * 2) for each in taps))


def largest_of(operator: Operator, x: Held, *lines: tuple[torch.Tensor, int, int]) -> Held:
    """The largest of windows over rows and columns that are first laid side by side.

    A line is which elements of an axis, some maybe several times, the window's size and stride.
    """
    (rows, *down), (columns, *across) = lines
    side = gathered(operator, x, rows, columns)
    kernel, stride = zip(down, across, strict=True)
    fields = PoolWindow(kernel, stride, (0, 0)).fields(side.shape[2:])
    return operator.layer("Pooling", side, **fields)


def gathered(operator: Operator, x: Held, rows: torch.Tensor, columns: torch.Tensor) -> Held:
    """Rows and columns of a plane, some maybe several times."""
    index = torch.arange(count(x.shape)).reshape(x.shape)
    return moved_to(operator, x, index[:, :, rows][..., columns])


def _is_never_negative(operator: Operator, x: Held) -> bool:
    """Whether zeros around a value are never larger than what is in it."""
    if not isinstance(x, NewBlob | View):
        return False
    base = base_of(x)
    for maker in operator.draft.layers:
        if base in maker.tops:
            rectifies = maker.type == "ReLU" and maker.message.relu_param.negative_slope == 0
            return rectifies or maker.type in _NEVER_NEGATIVE
    return False


def _fields(operator: Operator, window: PoolWindow, sizes: Shape, tops: Shape) -> Fields:
    """The fields of Pooling; how it rounds where that matters and the dialect can be told."""
    fields = window.fields(sizes)
    down = zip(sizes, window.kernel, window.stride, window.padding, strict=True)
    if window.tops(sizes) == tops or tuple((n + 2 * p - k) // s + 1 for n, k, s, p in down) != tops:
        return fields
    return {**fields, "round_mode": "FLOOR"} if operator.has("Pooling", "round_mode") else fields


_Manner = tuple[bool, bool, int | None]


def _average(operator: Operator, x: Held, window: PoolWindow, tops: Shape, manner: _Manner) -> Held:
    """The mean of each window of a plane, ``manner`` being torch's last three arguments."""
    inner, around = padded(x) or (x, ((0, 0), (0, 0)))
    pads = tuple(a[0] + p for a, p in zip(around, window.padding, strict=True))
    own = replace(window, padding=pads)
    if not own.covers(inner.shape[2:], tops):
        inner, around, own = x, ((0, 0), (0, 0)), window
    sizes = inner.shape[2:]
    top = operator.layer("Pooling", inner, pool="AVE", **_fields(operator, own, sizes, tops))
    mean = cropped(operator, top, (*x.shape[:2], *tops))
    # What torch makes of ones tells what it divides by, where only ones count.
    ones = F.pad(torch.ones(1, 1, *sizes, dtype=torch.float64), (*around[1], *around[0]))
    given = (window.kernel, window.stride, window.padding)
    right = F.avg_pool2d(ones, *given, *manner)[0, 0]
    there = F.avg_pool2d(ones, *given, manner[0], divisor_override=1)[0, 0]
    tall, wide = own.spans(sizes, tops)
    factor = torch.where(there > 0, right * tall[:, None] * wide / there, 1.0)
    return _times(operator, mean, factor)


def _times(operator: Operator, x: Held, factor: torch.Tensor) -> Held:
    """A plane times numbers of each of its places."""
    if torch.allclose(factor, torch.ones_like(factor), rtol=1e-9):
        return x
    first = float(factor[0, 0])
    if torch.allclose(factor, torch.full_like(factor, first), rtol=1e-9):
        return operator.layer("Power", x, part="divisor", scale=first)
    return operator.layer("Scale", x, part="divisor", blobs=[factor], axis=2, num_axes=2)


def _padded_pool() -> nn.Module:
    return nn.Sequential(nn.ReLU(), nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(3, 2))


def _stepped_over(x: torch.Tensor) -> torch.Tensor:
    """Windows of one place, the last of which is in the padding alone."""
    moved = F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
    return F.avg_pool2d(moved, 1, 2, count_include_pad=False)


examples = (
    LiftExample(lambda: Called(_stepped_over), ((1, 2, 5, 5),), ("Convolution", "Pooling")),
    LiftExample(lambda: nn.MaxPool2d(3, 2, ceil_mode=True), ((2, 3, 8, 7),), ("Pooling",)),
    LiftExample(lambda: nn.MaxPool2d(3, 2, 1), ((1, 2, 8, 8),), ("Pooling", "Parameter", "Crop")),
    LiftExample(_padded_pool, ((1, 2, 8, 8),), ("ReLU", "Pooling")),
    LiftExample(lambda: nn.AvgPool2d((2, 3), padding=1), ((1, 2, 6, 7),), ("Pooling",)),
    LiftExample(
        lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        ((1, 2, 7, 7),),
        ("Pooling", "Scale"),
    ),
    LiftExample(lambda: nn.AvgPool2d(2, divisor_override=3), ((1, 2, 4, 4),), ("Pooling", "Power")),
    LiftExample(lambda: nn.MaxPool1d(2), ((1, 2, 6),), ("Reshape", "Pooling", "Reshape")),
    LiftExample(
        lambda: nn.AvgPool3d(2, 1),
        ((1, 2, 3, 4, 4),),
        ("Reshape", "Pooling", "Reshape", "Pooling", "Reshape"),
    ),
)
