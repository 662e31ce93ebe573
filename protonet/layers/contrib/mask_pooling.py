"""MaskPooling: features of regions times their masks, of the MNC fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr


@register("MaskPooling")
class MaskPooling(Layer):
    """Multiply every channel by one mask.

    Features (n, c, h, w) and masks (n, 1, h, w) to (n, c, h, w). Source: MaskPoolingLayer of
    daijifeng001's caffe-mnc.
    """

    bottoms = (2, 2)
    examples = (
        Example(
            'layer { name: "l" type: "MaskPooling" bottom: "x" bottom: "mask" top: "y" }',
            {"x": (2, 3, 4, 4), "mask": (2, 1, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = x * mask",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, mask = bottoms
        if len(x) != 4 or mask != (x[0], 1, *x[2:]):
            what = f"features {show(x)} take masks (n, 1, h, w), not {show(mask)}"
            raise LayerError(what, "bottom", 1)
        return (x,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, mask = bottoms
        return x * mask
