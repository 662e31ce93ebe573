"""Similarity: dot products of features with prototypes, of DeViSE's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, F


@register("Similarity")
class Similarity(Layer):
    """The dot product of each feature with each prototype.

    (n, d) and (m, d), or more axes of as many numbers, to (n, m). Source: SimilarityLayer of
    Qi-Xian's DeVise.
    """

    bottoms = (2, 2)
    backward_reads = ("bottoms",)
    kind = "join"
    examples = (
        Example(
            'layer { name: "l" type: "Similarity" bottom: "x" bottom: "proto" top: "y" }',
            {"x": (2, 3), "proto": (5, 3)},
            {"y": (2, 5)},
            "y = F.linear(x, proto)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, prototypes = bottoms
        if len(x) < 2 or len(prototypes) < 2 or count(x, 1) != count(prototypes, 1):
            what = f"the shapes {show(x)} and {show(prototypes)} have items of other sizes"
            raise LayerError(what, "bottom", 1)
        return ((x[0], prototypes[0]),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        pairs = zip(bottoms, b.bottoms, strict=True)
        x, prototypes = (e if len(s) == 2 else e.flatten(1) for e, s in pairs)
        return b.call(F.linear, x, prototypes)
