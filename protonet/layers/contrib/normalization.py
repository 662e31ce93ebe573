"""Normalization: each item divided by its length, of several forks."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr


@register("Normalization")
class Normalization(Layer):
    """Each item of a batch over the root of the sum of its squares.

    (n, ...), kept; an item of zeros becomes NaN, as in the fork.
    Source: NormalizationLayer of vllab's discovery.
    """

    backward_reads = ("bottoms", "tops")
    examples = (
        Example(
            'layer { name: "l" type: "Normalization" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = x / x.square().sum((1, 2, 3), keepdim=True).sqrt()",
        ),
        Example(
            'layer { name: "l" type: "Normalization" bottom: "x" top: "y" }',
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = x / x.square().sum(1, keepdim=True).sqrt()",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if not bottoms[0]:
            raise LayerError("it takes one axis at least", "bottom", 0)
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        axes = len(b.bottoms[0])
        if axes == 1:
            return x / x.square().sqrt()
        over = 1 if axes == 2 else tuple(range(1, axes))
        return x / x.square().sum(over, keepdim=True).sqrt()
