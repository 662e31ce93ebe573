"""LocLoss: numbers kept near zero by what lies beyond a threshold."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, single, torch


@register("LocLoss")
class LocLoss(Layer):
    """Half the mean square of how far each number is beyond plus or minus the threshold.

    A blob of any shape to one number. Within the threshold the gradient is zero, where the fork
    leaves what the blob's memory held. Source: LocLossLayer of ALISCIFP's Segmentation, on the GPU.
    """

    param = "loc_loss_param"
    bottoms = (1, 1)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "LocLoss" bottom: "x" top: "y" '
            "loc_loss_param { threshold: 0.5 } }",
            {"x": (2, 3)},
            {"y": ()},
            "y = beyond_threshold(x, 0.5)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if not self.p.threshold > 0:
            raise LayerError(f"threshold must be above 0, not {self.p.threshold:g}", "threshold")
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(beyond_threshold, *bottoms, single(self.p.threshold))


def beyond_threshold(x: torch.Tensor, threshold: float) -> torch.Tensor:
    """Half the mean square of how far each number is beyond plus or minus the threshold."""
    return (x - x.clamp(-threshold, threshold)).square().mean() / 2
