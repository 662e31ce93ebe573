"""Sigmoid: one over one plus exp(-x)."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, torch


@register("Sigmoid")
class Sigmoid(Layer):
    """One over one plus exp(-x).

    Any shape, kept. Source: Caffe's SigmoidLayer.
    """

    param = "sigmoid_param"
    keeps = ("tops",)
    may_run_in_place = True
    backward_reads = ("tops",)
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "Sigmoid" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = torch.sigmoid(x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return b.call(torch.sigmoid, x)
