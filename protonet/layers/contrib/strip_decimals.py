"""StripDecimals: whole parts of numbers, of mix-and-match's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr


@register("StripDecimals")
class StripDecimals(Layer):
    """The whole part of each number, towards 0; it sends no gradient down.

    Any shape, kept. Source: StripDecimalsLayer of XiaohangZhan's mix-and-match.
    """

    constants = (0,)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "StripDecimals" bottom: "x" top: "y" }',
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = x.trunc()",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return x.trunc()
