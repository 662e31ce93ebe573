"""Mish: x * tanh(softplus(x)), of darknet2caffe's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, F


@register("Mish")
class Mish(Layer):
    """x * tanh(log(1 + e^x)), YOLOv4's activation.

    Any shape, kept. The gradient is that of this; the fork's backward pass takes the top for the
    bottom. Source: MishLayer of Adrian-Yan16's darknet2caffe_yolov3.
    """

    may_run_in_place = True
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "Mish" bottom: "x" top: "y" }',
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = F.mish(x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(F.mish, *bottoms)
