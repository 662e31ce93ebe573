"""Windows of convolutions and poolings: their fields, and the same window said otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F

from protonet.lifting.draft import Fields

Steps: TypeAlias = int | Sequence[int]


def per_axis(value: Steps, axes: int) -> tuple[int, ...]:
    """One number for each axis, where one may stand for all."""
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * axes if len(values) == 1 else values


def beside(steps: Steps, unit: int) -> Steps:
    """Numbers for two axes from those for one, the first of the two having but one place."""
    return (unit, *per_axis(steps, 1))


def window_fields(
    kernel: Sequence[int],
    stride: Sequence[int] = (1, 1),
    pad: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
) -> Fields:
    """The fields of a ConvolutionParameter, or a PoolingParameter, for a window."""
    if len(kernel) == 2:
        return {
            **_pair("kernel", kernel, "kernel_size"),
            **_pair("stride", stride, "stride", 1),
            **_pair("pad", pad, "pad", 0),
            **_each("dilation", dilation, 1),
        }
    # Caffe built with cuDNN takes that for two axes only, and no other unless it is told.
    return {
        **_each("kernel_size", kernel),
        **_each("stride", stride, 1),
        **_each("pad", pad, 0),
        **_each("dilation", dilation, 1),
        "engine": "CAFFE",
    }


def _pair(axis: str, values: Sequence[int], name: str, default: int | None = None) -> Fields:
    high, wide = values
    if high == wide:
        return {} if high == default else {name: high}
    return {f"{axis}_h": high, f"{axis}_w": wide}


def _each(name: str, values: Sequence[int], default: int | None = None) -> Fields:
    if len(set(values)) > 1:
        return {name: list(values)}
    return {} if not values or values[0] == default else {name: [values[0]]}


def widened(weight: torch.Tensor, axis: int, sides: tuple[int, int]) -> torch.Tensor:
    """A weight with zeros before and behind it along an axis."""
    behind = len(weight.shape) - 1 - axis
    return F.pad(weight, (0, 0) * behind + sides)


def stretched(weight: torch.Tensor, axis: int, dilation: int) -> torch.Tensor:
    """A weight with the zeros that a dilation leaves between its elements along an axis."""
    if dilation == 1:
        return weight
    shape = list(weight.shape)
    shape[axis] = dilation * (shape[axis] - 1) + 1
    wide = weight.new_zeros(shape)
    places = torch.arange(weight.shape[axis]) * dilation
    return wide.index_copy(axis, places, weight)


@dataclass(frozen=True)
class PoolWindow:
    """A pooling's window over (h, w), by the numbers that torch's poolings take."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...] = (1, 1)

    def tops(self, size: Sequence[int]) -> tuple[int, ...]:
        """The sizes that Caffe gives, which rounds up. Source: PoolingLayer::Reshape."""
        found = []
        for n, k, s, p in zip(size, self.kernel, self.stride, self.padding, strict=True):
            steps = -((k - n - 2 * p) // s)
            if any(self.padding) and steps * s >= n + p:
                steps -= 1
            found.append(steps + 1)
        return tuple(found)

    def covers(self, size: Sequence[int], tops: Sequence[int]) -> bool:
        """Whether Caffe takes the window and has ``tops`` places for it, none behind all elements.

        A window behind them is one that Caffe divides by 0 for: of one place that steps over many.
        """
        small = all(p < k for k, p in zip(self.kernel, self.padding, strict=True))
        found = self.tops(size)
        starts = zip(size, self.stride, self.padding, tops, strict=True)
        inside = all((o - 1) * s - p < n for n, s, p, o in starts)
        enough = all(a >= b for a, b in zip(found, tops, strict=True)) and min(found) > 0
        return small and inside and enough

    def spans(self, size: Sequence[int], tops: Sequence[int]) -> list[torch.Tensor]:
        """How many places Caffe counts in each window, padding and all, along each axis."""
        found = []
        for n, k, s, p, o in zip(size, self.kernel, self.stride, self.padding, tops, strict=True):
            start = torch.arange(o) * s - p
            found.append((start + k).clamp(max=n + p) - start)
        return found

    def taps(self, size: Sequence[int], tops: Sequence[int]) -> list[torch.Tensor] | None:
        """Which elements each window sees along each axis, (top, tap), some of them twice.

        None where a window sees the padding alone.
        """
        found = []
        parts = zip(size, self.kernel, self.stride, self.padding, self.dilation, tops, strict=True)
        for n, k, s, p, d, o in parts:
            steps = torch.arange(o)[:, None] * s - p + torch.arange(k) * d
            inside = (steps >= 0) & (steps < n)
            if not bool(inside.any(1).all()):
                return None
            first = steps.gather(1, inside.long().argmax(1, keepdim=True))
            found.append(torch.where(inside, steps, first))
        return found

    def fields(self, size: Sequence[int]) -> Fields:
        """The fields of Pooling; no stride where the window is there once."""
        alone = self.tops(size) == (1, 1) and not any(self.padding)
        alone = alone and tuple(size) == self.kernel
        return window_fields(self.kernel, (1, 1) if alone else self.stride, self.padding)
