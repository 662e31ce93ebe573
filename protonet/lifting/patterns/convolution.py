"""Convolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from protonet.lifting.framing import seen
from protonet.lifting.movement.padding import bordered, within
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.patterns.deconvolution import transposed_convolution
from protonet.lifting.values import Constant, Held, View
from protonet.lifting.windows import Steps, beside, per_axis, stretched, widened, window_fields


@lifts("conv1d", "conv2d", "conv3d")
def convolution(
    operator: Operator,
    x: Held,
    weight: Held,
    bias: Held | None = None,
    stride: Steps = 1,
    padding: Steps | str = 0,
    dilation: Steps = 1,
    groups: int = 1,
) -> Held:
    """Convolution: the same weights, in the same order."""
    if not isinstance(weight, Constant) or not isinstance(bias, Constant | None):
        operator.refuse("its weights are computed by the net", "Caffe's weights are fixed")
    axes = len(weight.shape) - 2
    if len(x.shape) == axes + 1:
        batch = seen(operator, x, (1, *x.shape))
        made = convolution(operator, batch, weight, bias, stride, padding, dilation, groups)
        return seen(operator, made, made.shape[1:])
    if axes == 1 and not operator.has("Convolution", "engine"):
        flat = seen(operator, x, (*x.shape[:2], 1, x.shape[2]))
        long = Constant(weight.tensor[:, :, None])
        edge = padding if isinstance(padding, str) else beside(padding, 0)
        steps, gaps = beside(stride, 1), beside(dilation, 1)
        made = convolution(operator, flat, long, bias, steps, edge, gaps, groups)
        return seen(operator, made, (*made.shape[:2], made.shape[3]))
    strides, dilations = per_axis(stride, axes), per_axis(dilation, axes)
    inner, around = _unpadded(x, axes)
    own = _padding(padding, weight.shape[2:], dilations)
    pads = [(a + b, c + d) for (a, c), (b, d) in zip(around, own, strict=True)]
    kernel, pad, dilations = _even(weight.tensor, inner.shape[2:], strides, pads, dilations)
    return operator.layer(
        "Convolution",
        inner,
        blobs=[kernel] + ([bias.tensor] if bias is not None else []),
        num_output=weight.shape[0],
        bias_term=None if bias is not None else False,
        **window_fields(kernel.shape[2:], strides, pad, dilations),
        group=groups if groups > 1 else None,
    )


@lifts("convolution", "_convolution")
def either_convolution(
    operator: Operator,
    x: Held,
    weight: Held,
    bias: Held | None,
    stride: Steps,
    padding: Steps,
    dilation: Steps,
    transposed: bool,
    output_padding: Steps,
    groups: int,
    *_: bool,
) -> Held:
    """Convolution or Deconvolution, as torch's one operator for both says."""
    if not transposed:
        return convolution(operator, x, weight, bias, stride, padding, dilation, groups)
    window = (stride, padding, output_padding, groups, dilation)
    return transposed_convolution(operator, x, weight, bias, *window)


def _unpadded(x: Held, axes: int) -> tuple[Held, tuple[tuple[int, int], ...]]:
    """What stands between zeros at the edges of the last axes, and how many zeros there are."""
    found = bordered(x)
    if found is None or not any(map(any, found[-axes:])):
        return x, ((0, 0),) * axes
    assert isinstance(x, View)
    rest = ((0, 0),) * (len(found) - axes)
    return within(x, rest + found[-axes:]), found[-axes:]


def _padding(
    padding: Steps | str, kernel: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """How much is padded before and behind each axis; "same" has the odd one behind."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if isinstance(padding, str):
        spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(span // 2, span - span // 2) for span in spans]
    return [(p, p) for p in per_axis(padding, len(kernel))]


def _even(
    weight: torch.Tensor,
    sizes: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    dilations: Sequence[int],
) -> tuple[torch.Tensor, list[int], tuple[int, ...]]:
    """The weight, one pad for both sides of each axis, and the dilations that give the same.

    Where the sides differ and rounding doesn't hide it, zeros make the window longer on the side
    that is padded less.
    """
    pad, dilated = [], list(dilations)
    for axis, (before, behind) in enumerate(pads):
        pad.append(max(before, behind))
        lacks = abs(before - behind)
        reach = dilated[axis] * (weight.shape[2 + axis] - 1) + 1
        if not lacks or _hidden(sizes[axis], reach, strides[axis], before, behind):
            pad[-1] = before
            continue
        if lacks % dilated[axis]:
            weight, dilated[axis] = stretched(weight, 2 + axis, dilated[axis]), 1
        taps = lacks // dilated[axis]
        sides = (taps, 0) if before < behind else (0, taps)
        weight = widened(weight, 2 + axis, sides)
    return weight, pad, tuple(dilated)


def _hidden(size: int, reach: int, stride: int, before: int, behind: int) -> bool:
    """Whether as many windows fit if the far side is padded as much as the near one."""
    room = size + 2 * before - reach
    return room >= 0 and room // stride == (size + before + behind - reach) // stride


def _padded_convolution() -> nn.Module:
    return nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(2, 3, 3, stride=2))


examples = (
    LiftExample(lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2), ((2, 4, 5, 6),), ("Convolution",)),
    LiftExample(_padded_convolution, ((1, 2, 6, 7),), ("Convolution",)),
    LiftExample(
        lambda: nn.Conv2d(2, 3, (2, 4), padding="same", dilation=(1, 2), bias=False),
        ((1, 2, 6, 7),),
        ("Convolution",),
    ),
    LiftExample(lambda: nn.Conv1d(2, 3, 3, stride=2), ((1, 2, 8),), ("Convolution",)),
    LiftExample(lambda: nn.Conv3d(1, 2, (1, 2, 3)), ((1, 1, 3, 4, 5),), ("Convolution",)),
)
