"""MatrixProd: products of two batches of matrices, of Ask, Attend and Answer."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, torch


@register("MatrixProd")
class MatrixProd(Layer):
    """The matrix product of each item of the first with that of the second.

    (n, k, m) and (n, m, d) to (n, k, d), for n above 1; a first of (1, n, m) has a row for each
    item, to (1, n, d). Source: MatrixProdLayer of VisionLearningGroup's Ask_Attend_and_Answer.
    """

    bottoms = (2, 2)
    backward_reads = ("bottoms",)
    kind = "join"
    examples = (
        Example(
            'layer { name: "l" type: "MatrixProd" bottom: "a" bottom: "b" top: "y" }',
            {"a": (2, 3, 4), "b": (2, 4, 5)},
            {"y": (2, 3, 5)},
            "y = torch.matmul(a, b)",
        ),
        Example(
            'layer { name: "l" type: "MatrixProd" bottom: "a" bottom: "b" top: "y" }',
            {"a": (1, 2, 4), "b": (2, 4, 5)},
            {"y": (1, 2, 5)},
            "y = torch.matmul(a.transpose(0, 1), b).transpose(0, 1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        a, other = bottoms
        if len(a) != 3 or len(other) != 3 or a[2] != other[1]:
            what = f"the shapes {show(a)} and {show(other)} are no matrices that can be multiplied"
            raise LayerError(what, "bottom", 1)
        if other[0] != a[1 if a[0] == 1 else 0]:
            what = f"{show(a)} takes {a[1 if a[0] == 1 else 0]} matrices, not {other[0]}"
            raise LayerError(what, "bottom", 1)
        return ((*a[:2], other[2]),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        a, other = bottoms
        if b.bottoms[0][0] != 1:
            return b.call(torch.matmul, a, other)
        return b.call(torch.matmul, a.transpose(0, 1), other).transpose(0, 1)
