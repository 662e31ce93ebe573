"""ReLU6: keep what is positive, up to 6."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.forks import RELU
from protonet.program import Builder, Expr, F, single


@register("ReLU6")
class ReLU6(Layer):
    """Rectify and cut off at 6; where x < 0, relu6_param's negative_slope times x.

    Any shape, kept. Source: MobileNet-YOLO's Caffe fork, ReLU6Layer.
    """

    param = "relu6_param"
    may_run_in_place = True
    backward_reads = ("bottoms",)
    kind = "activation"
    follows = True
    refuses = RELU
    examples = (
        Example(
            'layer { name: "relu1" type: "ReLU6" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = F.relu6(x)",
        ),
        Example(
            'layer { name: "relu1" type: "ReLU6" bottom: "x" top: "y" '
            "relu6_param { negative_slope: 0.1 } }",
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = F.leaky_relu(x, 0.1).clamp(max=6)",
        ),
    )

    def is_harmed_in_place(self) -> bool:
        """A negative slope turns the signs that the gradient is told by."""
        return bool(self.p.negative_slope < 0)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        slope = single(self.p.negative_slope)
        if not slope:
            return b.call(F.relu6, x)
        return b.call(F.leaky_relu, x, slope).clamp(max=6)
