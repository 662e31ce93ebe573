"""Im2col, and its way back by a Deconvolution of zeros and ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from protonet.lifting.draft import Fields
from protonet.lifting.movement.windows import field_of
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.values import Held


@lifts("im2col")
def im2col(
    operator: Operator,
    x: Held,
    kernel: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> Held:
    """Im2col of (n, c, h, w), then all windows on one axis."""
    fields = {**_window(kernel, padding, stride), **_dilated(dilation)}
    return operator.reshape(operator.layer("Im2col", x, part="windows", **fields), operator.shape)


@lifts("col2im")
def col2im(
    operator: Operator,
    x: Held,
    size: Sequence[int],
    kernel: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> Held:
    """Every window's place back to where it was, those that meet added."""
    places = kernel[0] * kernel[1]
    channels = x.shape[-2] // places
    sides = zip(size, kernel, dilation, padding, stride, strict=True)
    windows = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in sides)
    spread = tuple(
        (n - 1) * s + d * (k - 1) + 1 - 2 * p
        for n, k, d, p, s in zip(windows, kernel, dilation, padding, stride, strict=True)
    )
    if spread != tuple(size):
        operator.refuse("its windows end before the map does", "choose a size that they fill")
    found = operator.layer(
        "Deconvolution",
        operator.reshape(x, (*x.shape[:-2], channels * places, *windows), "windows"),
        blobs=[torch.eye(places).view(places, 1, *kernel).repeat(channels, 1, 1, 1)],
        num_output=channels,
        bias_term=False,
        **_window(kernel, padding, stride),
        **_dilated(dilation),
        group=channels if channels > 1 else None,
    )
    return operator.reshape(found, operator.shape)


def _window(kernel: Sequence[int], padding: Sequence[int], stride: Sequence[int]) -> Fields:
    pairs = {"kernel": kernel, "stride": stride, "pad": padding}
    return {k: v for name, pair in pairs.items() for k, v in field_of(name, *pair).items()}


def _dilated(pair: Sequence[int]) -> Fields:
    if tuple(pair) == (1, 1):
        return {}
    return {"dilation": [pair[0]] if pair[0] == pair[1] else list(pair)}


examples = (
    LiftExample(
        lambda: nn.Unfold((3, 2), dilation=(1, 2), padding=1, stride=2),
        ((2, 3, 7, 6),),
        ("Im2col", "Reshape"),
    ),
    LiftExample(lambda: nn.Fold((6, 6), 2, stride=2), ((2, 12, 9),), ("Reshape", "Deconvolution")),
    LiftExample(
        lambda: nn.Fold((5, 5), 3, padding=1), ((2, 18, 25),), ("Reshape", "Deconvolution")
    ),
)
