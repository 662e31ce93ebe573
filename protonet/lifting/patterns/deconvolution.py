"""Deconvolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from protonet.lifting.framing import seen
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.values import Constant, Held
from protonet.lifting.windows import Steps, beside, per_axis, stretched, widened, window_fields


@lifts("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed_convolution(
    operator: Operator,
    x: Held,
    weight: Held,
    bias: Held | None = None,
    stride: Steps = 1,
    padding: Steps = 0,
    output_padding: Steps = 0,
    groups: int = 1,
    dilation: Steps = 1,
) -> Held:
    """Deconvolution: the same weights; zeros behind them make room for an output padding."""
    if not isinstance(weight, Constant) or not isinstance(bias, Constant | None):
        operator.refuse("its weights are computed by the net", "Caffe's weights are fixed")
    axes = len(weight.shape) - 2
    window = (stride, padding, output_padding, groups, dilation)
    if len(x.shape) == axes + 1:
        batch = seen(operator, x, (1, *x.shape))
        made = transposed_convolution(operator, batch, weight, bias, *window)
        return seen(operator, made, made.shape[1:])
    if axes == 1 and not operator.has("Deconvolution", "engine"):
        return _as_one_row(operator, x, weight, bias, window)
    kernel, dilations = _with_room(
        weight.tensor, per_axis(output_padding, axes), per_axis(dilation, axes)
    )
    strides, pads = per_axis(stride, axes), per_axis(padding, axes)
    return operator.layer(
        "Deconvolution",
        x,
        blobs=[kernel] + ([bias.tensor] if bias is not None else []),
        num_output=weight.shape[1] * groups,
        bias_term=None if bias is not None else False,
        **window_fields(kernel.shape[2:], strides, pads, dilations),
        group=groups if groups > 1 else None,
    )


def _as_one_row(
    operator: Operator,
    x: Held,
    weight: Constant,
    bias: Constant | None,
    window: tuple[Steps, Steps, Steps, int, Steps],
) -> Held:
    """The same along one axis, which gets another of one place before it."""
    stride, padding, output_padding, groups, dilation = window
    flat = seen(operator, x, (*x.shape[:2], 1, x.shape[2]))
    long = Constant(weight.tensor[:, :, None])
    wide = (beside(stride, 1), beside(padding, 0), beside(output_padding, 0))
    made = transposed_convolution(operator, flat, long, bias, *wide, groups, beside(dilation, 1))
    return seen(operator, made, (*made.shape[:2], made.shape[3]))


def _with_room(
    kernel: torch.Tensor, more: Sequence[int], dilation: Sequence[int]
) -> tuple[torch.Tensor, list[int]]:
    """The weight with zeros behind it that make the output larger, and its dilations."""
    dilations = list(dilation)
    for axis, room in enumerate(more):
        if room % dilations[axis]:
            kernel, dilations[axis] = stretched(kernel, 2 + axis, dilations[axis]), 1
        kernel = widened(kernel, 2 + axis, (0, room // dilations[axis]))
    return kernel, dilations


examples = (
    LiftExample(
        lambda: nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1, groups=2),
        ((2, 4, 3, 5),),
        ("Deconvolution",),
    ),
    LiftExample(
        lambda: nn.ConvTranspose2d(2, 3, 3, 2, 1, output_padding=1, dilation=(1, 2), bias=False),
        ((1, 2, 3, 4),),
        ("Deconvolution",),
    ),
    LiftExample(lambda: nn.ConvTranspose1d(2, 3, 3, 2), ((1, 2, 4),), ("Deconvolution",)),
)
