"""TanH: hyperbolic tangent."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, torch


@register("TanH")
class TanH(Layer):
    """Hyperbolic tangent.

    Any shape, kept. Source: Caffe's TanHLayer.
    """

    param = "tanh_param"
    keeps = ("tops",)
    may_run_in_place = True
    backward_reads = ("tops",)
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "TanH" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = torch.tanh(x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return b.call(torch.tanh, x)
