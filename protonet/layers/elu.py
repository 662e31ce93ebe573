"""ELU: x where positive, else alpha times exp(x) - 1."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, F, single


@register("ELU")
class ELU(Layer):
    """X where positive, else alpha times exp(x) - 1.

    Any shape, kept. Source: Caffe's ELULayer.
    """

    param = "elu_param"
    may_run_in_place = True
    backward_reads = ("bottoms", "tops")
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "ELU" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = F.elu(x)",
        ),
    )

    def is_harmed_in_place(self) -> bool:
        """A negative alpha turns the signs that the gradient is told by."""
        return bool(self.p.alpha < 0)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return b.call(F.elu, x, alpha=single(self.p.alpha))
