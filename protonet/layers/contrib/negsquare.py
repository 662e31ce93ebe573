"""NegSquare: the negative square, of LiteFlowNet's fork."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr


@register("NegSquare")
class NegSquare(Layer):
    """Minus the square of each number.

    Any shape, kept. The gradient is the square's; the fork's own takes what was in memory in the
    bottom's place. Source: LiteFlowNet's NegSquareLayer.
    """

    backward_reads = ("bottoms",)
    examples = (
        Example(
            'layer { name: "l" type: "NegSquare" bottom: "x" top: "y" }',
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = -x.square()",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return -x.square()
