"""AbsVal: absolute value."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr


@register("AbsVal")
class AbsVal(Layer):
    """Absolute value.

    Any shape, kept. Source: Caffe's AbsValLayer.
    """

    backward_reads = ("bottoms",)
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "AbsVal" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = x.abs()",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return x.abs()
