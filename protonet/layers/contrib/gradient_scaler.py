"""GradientScaler: gradients multiplied on their way down, of domain-adaptive Faster R-CNN."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, single


@register("GradientScaler")
class GradientScaler(Layer):
    """The bottom itself, whose gradient is multiplied by scale_factor: below 0, it is reversed.

    Any shape, kept, of finite numbers. Source: GradientScalerLayer of yuhuayc's da-faster-rcnn.
    """

    param = "gradient_scaler_param"
    keeps = ()
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "GradientScaler" bottom: "x" top: "y" '
            "gradient_scaler_param { scale_factor: -0.5 } }",
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = l_held + -0.5 * (x - l_held)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        held = b.let("held", x.detach())
        return held + single(self.p.scale_factor) * (x - held)
