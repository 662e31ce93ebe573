"""MatrixMultiplication: products of matrices in the last two axes."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, torch


@register("MatrixMultiplication")
class MatrixMultiplication(Layer):
    """The matrix products of two blobs, of which one may be a single matrix for all of a batch.

    (..., m, k) and (..., k, n) to (..., m, n). Source: MatrixMultiplicationLayer of 1095560081's
    Caffe fork.
    """

    bottoms = (2, 2)
    backward_reads = ("bottoms",)
    kind = "join"
    examples = (
        Example(
            'layer { name: "l" type: "MatrixMultiplication" bottom: "a" bottom: "b" top: "y" }',
            {"a": (2, 3, 4), "b": (4, 5)},
            {"y": (2, 3, 5)},
            "y = torch.matmul(a, b)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        a, other = bottoms
        for index, x in enumerate(bottoms):
            if len(x) < 2:
                raise LayerError(f"it takes 2 axes at least, not {show(x)}", "bottom", index)
        if a[-1] != other[-2]:
            what = f"{show(a)} has {a[-1]} columns and {show(other)} has {other[-2]} rows"
            raise LayerError(what, "bottom", 1)
        if len(a) > 2 and len(other) > 2 and a[:-2] != other[:-2]:
            what = f"the shapes {show(a)} and {show(other)} have different batches of matrices"
            raise LayerError(what, "bottom", 1)
        longer = a if len(a) >= len(other) else other
        return ((*longer[:-2], a[-2], other[-1]),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        a, other = bottoms
        return b.call(torch.matmul, a, other)
