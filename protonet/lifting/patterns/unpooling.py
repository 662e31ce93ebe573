"""max_unpool2d: what a pooling left out is zero again, by the places that it told."""

from __future__ import annotations

import torch
from torch import nn

from protonet.lifting.draft import NewLayer
from protonet.lifting.framing import base_of, lies_whole, moved_to
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.values import Held, NewBlob, View
from protonet.shape import count, show


@lifts("max_unpool2d")
def max_unpool(
    operator: Operator,
    x: Held,
    places: Held,
    size: list[int],  # noqa: ARG001  the shape that comes out is known
) -> Held:
    """Each value all over its window, times one where its place is and zero elsewhere.

    The places must be those of a pooling here whose windows lie side by side.
    """
    high, wide = operator.shape[-2:]
    down, across = _window(operator, places)
    if (x.shape[-2] * down, x.shape[-1] * across) != (high, wide):
        what = f"windows of {down}x{across} over {show(x.shape[-2:])} do not make {high}x{wide}"
        operator.refuse(what, "pool sizes that the window divides")

    def spread(value: Held) -> NewBlob:
        index = torch.arange(count(value.shape)).reshape(value.shape)
        index = index.repeat_interleave(down, -2).repeat_interleave(across, -1)
        return operator.blob(moved_to(operator, value, index))

    here = torch.arange(high * wide).reshape(high, wide)
    axis = len(x.shape) - 2
    wide_places = spread(places)
    apart = operator.layer("Bias", wide_places, part="apart", blobs=[-here], axis=axis, num_axes=2)
    near = operator.layer("AbsVal", apart, part="distance")
    near = operator.layer("Power", near, part="near", scale=-1.0, shift=0.5)
    mask = operator.layer("Threshold", near, part="mask")
    return operator.layer("Eltwise", spread(x), mask, operation="PROD")


def _window(operator: Operator, places: Held) -> tuple[int, int]:
    """The window of the pooling that told the places."""
    top = None
    if isinstance(places, NewBlob | View) and lies_whole(places):
        top = base_of(places)
    for layer in operator.draft.layers:
        if layer.type == "Pooling" and len(layer.tops) == 2 and layer.tops[1] is top:
            return _side_by_side(operator, layer)
    return operator.refuse("its places are not those of a pooling in the net")


def _side_by_side(operator: Operator, layer: NewLayer) -> tuple[int, int]:
    own = layer.message.pooling_param
    window = own.kernel_h or own.kernel_size, own.kernel_w or own.kernel_size
    steps = own.stride_h or own.stride, own.stride_w or own.stride
    if window != steps or own.pad or own.pad_h or own.pad_w:
        operator.refuse("the windows of the pooling that told its places overlap, or are padded")
    return window


class _ThereAndBack(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        top, places = nn.functional.max_pool2d(x, 2, return_indices=True)
        return nn.functional.max_unpool2d(top, places, [2, 2])


examples = (
    LiftExample(
        _ThereAndBack,
        ((2, 3, 4, 6),),
        (
            "Pooling",
            "Deconvolution",
            "Bias",
            "AbsVal",
            "Power",
            "Threshold",
            "Deconvolution",
            "Eltwise",
        ),
    ),
)
