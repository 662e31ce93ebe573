"""Swish: x times the sigmoid of beta times x."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, F, single, torch


@register("Swish")
class Swish(Layer):
    """X times the sigmoid of beta times x.

    Any shape, kept. Source: Caffe's SwishLayer.
    """

    param = "swish_param"
    may_run_in_place = True
    backward_reads = ("tops",)
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "Swish" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = F.silu(x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        beta = single(self.p.beta)
        return b.call(F.silu, x) if beta == 1 else x * b.call(torch.sigmoid, beta * x)
