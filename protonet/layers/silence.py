"""Silence: blobs that nobody reads, so that they are no outputs of the net."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr


@register("Silence")
class Silence(Layer):
    """Read the bottoms and do nothing.

    Any shapes. Source: Caffe's SilenceLayer.
    """

    bottoms = (1, None)
    tops = (0, 0)
    keeps = ()
    kind = "shape"
    examples = (
        Example(
            'layer { name: "hush" type: "Silence" bottom: "x" }',
            {"x": (2, 3), "y": (2, 3)},
            {},
            "return y",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return ()

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        return ()
