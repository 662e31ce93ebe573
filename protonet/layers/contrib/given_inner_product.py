"""GivenInnerProduct: InnerProduct whose weights are a bottom, of happynear's fork."""

from __future__ import annotations

from protonet.layers.base import (
    ALL,
    Example,
    Layer,
    LayerError,
    Reach,
    Shape,
    canonical_axis,
    count,
    register,
    show,
)
from protonet.layers.forks import INNER_PRODUCT
from protonet.program import Builder, Expr, F


@register("GivenInnerProduct")
class GivenInnerProduct(Layer):
    """What InnerProduct is with two bottoms or three: the second has the weights, rows of outputs.

    (n, ...) and (outputs, ...) to (n, outputs), the axes from ``axis`` on as one; num_output and
    normalize say nothing. With bias_term a third bottom is added, (outputs,).
    Source: InnerProductLayer of happynear's Caffe fork.
    """

    param = "inner_product_param"
    bottoms = (2, 3)
    backward_reads = ("bottoms",)
    kind = "dense"
    refuses = INNER_PRODUCT
    examples = (
        Example(
            'layer { name: "cosine" type: "InnerProduct" bottom: "x" bottom: "w" top: "y" '
            "inner_product_param { bias_term: false } }",
            {"x": (2, 12), "w": (5, 12)},
            {"y": (2, 5)},
            "y = F.linear(x, w)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, weight, *bias = bottoms
        axis = canonical_axis(self.p.axis, x)
        if self.p.transpose:
            what = "transpose goes by the rows of the second bottom as if it were not transposed"
            raise LayerError(what, "transpose")
        if not weight or count(weight, 1) != count(x, axis):
            what = f"the weights {show(weight)} have not the {count(x, axis)} inputs of {show(x)}"
            raise LayerError(f"{what} in a row", "bottom", 1)
        if self.p.bias_term and not bias:
            what = "with bias_term the fork adds a blob that it has not"
            hint = "state bias_term: false, or give the bias as a third bottom"
            raise LayerError(what, "bottom", 1, hint=hint)
        if self.p.bias_term and count(bias[0]) != weight[0]:
            what = f"the bias {show(bias[0])} is not one for each of the {weight[0]} outputs"
            raise LayerError(what, "bottom", 2)
        return ((*x[:axis], weight[0]),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        axis = canonical_axis(self.p.axis, b.bottoms[0])
        x = bottoms[0] if axis == len(b.bottoms[0]) - 1 else bottoms[0].flatten(axis)
        given = [x, bottoms[1] if len(b.bottoms[1]) == 2 else bottoms[1].flatten(1)]
        if self.p.bias_term:
            given.append(bottoms[2] if len(b.bottoms[2]) == 1 else bottoms[2].flatten())
        return b.call(F.linear, *given)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(bottoms[0]) * int(bottoms[1][0])

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        return ALL
