"""NegReLU: what is below zero, of FlowNet's fork."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.forks import RELU
from protonet.program import Builder, Expr, single, torch


@register("NegReLU")
class NegReLU(Layer):
    """Keep the negative numbers, and multiply the positive ones by negative_slope.

    Any shape, kept. Source: FlowNet2's NegReLULayer.
    """

    param = "relu_param"
    backward_reads = ("bottoms",)
    may_run_in_place = True
    kind = "activation"
    refuses = RELU
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "NegReLU" bottom: "x" top: "y" }',
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = x.clamp(max=0)",
        ),
        Example(
            'layer { name: "l" type: "NegReLU" bottom: "x" top: "y" '
            "relu_param { negative_slope: 0.5 } }",
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = torch.where(x < 0, x, 0.5 * x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        slope = single(self.p.negative_slope)
        if not slope:
            return x.clamp(max=0)
        return b.call(torch.where, x < 0, x, slope * x)
