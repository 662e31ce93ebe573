"""Reverse: an axis from its end to its beginning, of CTPN's Caffe."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr


@register("Reverse")
class Reverse(Layer):
    """Turn the order along ``axis`` round.

    Any shape, kept. Source: CTPN's ReverseLayer.
    """

    param = "reverse_param"
    examples = (
        Example(
            'layer { name: "l" type: "Reverse" bottom: "x" top: "y" reverse_param { axis: 1 } }',
            {"x": (5, 2, 3)},
            {"y": (5, 2, 3)},
            "y = x.flip(1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if not 0 <= self.p.axis < len(x):
            stated = ("axis",) if self.has("axis") else ()
            raise LayerError(f"{show(x)} has no axis {self.p.axis}", *stated)
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return x.flip(self.p.axis)
