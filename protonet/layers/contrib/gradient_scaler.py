"""GradientScaler: gradients multiplied on their way down, of domain-adaptive Faster R-CNN."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, single, torch


@register("GradientScaler")
class GradientScaler(Layer):
    """The bottom itself, whose gradient is multiplied by scale_factor: below 0, it is reversed.

    Any shape, kept. Source: GradientScalerLayer of yuhuayc's da-faster-rcnn.
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
            "y = scale_gradient(x, -0.5)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(ScaledGradient)
        return b.call(scale_gradient, *bottoms, single(self.p.scale_factor))


class ScaledGradient(torch.autograd.Function):
    """The number itself, and its gradient times a factor."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient * ctx.factor, None


def scale_gradient(x: torch.Tensor, factor: float) -> torch.Tensor:
    """The number itself, to the bit, with its gradient times ``factor``."""
    run: Any = ScaledGradient.apply
    shown: torch.Tensor = run(x, factor)
    return shown
