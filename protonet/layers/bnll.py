"""BNLL: log of one plus exp(x)."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, F


@register("BNLL")
class BNLL(Layer):
    """Log of one plus exp(x).

    Any shape, kept. Source: Caffe's BNLLLayer.
    """

    may_run_in_place = True
    backward_reads = ("bottoms",)
    in_place_harms = True
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "BNLL" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = F.softplus(x, threshold=50)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return b.call(F.softplus, x, threshold=50)
