"""Softmax: scores as probabilities."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, canonical_axis, register
from protonet.program import Builder, Expr, F


@register("Softmax")
class Softmax(Layer):
    """Exponentials that add up to one along ``axis``.

    Any shape, kept. Source: Caffe's SoftmaxLayer.
    """

    param = "softmax_param"
    keeps = ("tops",)
    may_run_in_place = True
    backward_reads = ("tops",)
    kind = "activation"
    examples = (
        Example(
            'layer { name: "prob" type: "Softmax" bottom: "x" top: "y" }',
            {"x": (2, 10)},
            {"y": (2, 10)},
            "y = F.softmax(x, dim=1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        canonical_axis(self.p.axis, bottoms[0])
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return b.call(F.softmax, x, dim=canonical_axis(self.p.axis, b.bottoms[0]))
