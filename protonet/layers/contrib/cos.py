"""Cos: the cosine of each number, of pose-drl's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr


@register("Cos")
class Cos(Layer):
    """The cosine of each number.

    Any shape, kept. The gradient is that of the fork's code for CPUs; its code for GPUs takes the
    top for the bottom. Source: CosLayer of aleksispi's pose-drl.
    """

    backward_reads = ("bottoms",)
    examples = (
        Example(
            'layer { name: "l" type: "Cos" bottom: "x" top: "y" }',
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = x.cos()",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return x.cos()
