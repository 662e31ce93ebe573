"""ReLU: keep what is positive."""

from typing import Any

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, F


@register("ReLU")
class ReLU(Layer):
    """Rectify: x where x > 0, else negative_slope times x.

    Any shape, kept. Source: Caffe's ReLULayer.
    """

    param = "relu_param"
    may_run_in_place = True
    backward_reads = ("bottoms",)
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "relu1" type: "ReLU" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = F.relu(x)",
        ),
    )

    def is_harmed_in_place(self) -> bool:
        """A negative slope turns the signs that the gradient is told by."""
        return bool(self.p.negative_slope < 0)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def kept(self) -> tuple[str, ...]:
        """A slope needs the sign of the bottom, none the top's."""
        return ("bottoms",) if self.p.negative_slope else ("tops",)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        slope: Any = self.p.negative_slope
        return b.call(F.leaky_relu, x, slope) if slope else b.call(F.relu, x)
