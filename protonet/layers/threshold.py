"""Threshold: one where x is above the threshold, else zero."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, single


@register("Threshold")
class Threshold(Layer):
    """One where x is above the threshold, else zero.

    Any shape, kept. Source: Caffe's ThresholdLayer.
    """

    param = "threshold_param"
    keeps = ()
    may_run_in_place = True
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "Threshold" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = (x > 0.0).to(x.dtype)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return (x > single(self.p.threshold)).to(x.dtype)
