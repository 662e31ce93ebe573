"""Split: one blob under several names."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr


@register("Split")
class Split(Layer):
    """Give every top the bottom itself; gradients add up.

    Any shape. Source: Caffe's SplitLayer.
    """

    tops = (1, None)
    keeps = ()
    is_view = True
    shares_memory = True
    kind = "shape"
    examples = (
        Example(
            'layer { name: "two" type: "Split" bottom: "x" top: "a" top: "b" }',
            {"x": (2, 3)},
            {"a": (2, 3), "b": (2, 3)},
            "a = x",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms * len(self.message.top)

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        return bottoms * len(b.tops)
