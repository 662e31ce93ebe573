"""SeLuDropout: dropout that keeps mean and variance."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, nn, single, torch


@register("SeLuDropout")
class SeLuDropout(Layer):
    """In training, set a random share to alpha, then scale and shift all to the old moments.

    Any shape, kept. Source: HolmesShuan's SNNs in Caffe, SeLuDropoutLayer; Klambauer et al.,
    Self-Normalizing Neural Networks (2017).
    """

    param = "selu_dropout_param"
    may_run_in_place = True
    examples = (
        Example(
            'layer { name: "drop1" type: "SeLuDropout" bottom: "x" top: "y" '
            "selu_dropout_param { dropout_ratio: 0.05 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.drop1 = nn.AlphaDropout(0.05)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        ratio = single(self.p.dropout_ratio)
        if not 0 <= ratio < 1:
            what = f"dropout_ratio must be at least 0 and below 1, not {ratio}"
            raise LayerError(what, "dropout_ratio")
        return bottoms

    def is_alias(self) -> bool:
        """Outside of training the top is the bottom."""
        return self.phase == "TEST"

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        ratio, alpha = single(self.p.dropout_ratio), self.p.alpha
        if alpha == type(self.p)().alpha:
            return b.module(nn.AlphaDropout, ratio)(*bottoms)
        return b.module(ShiftedDropout, ratio, single(alpha))(*bottoms)


class ShiftedDropout(nn.Module):
    """Set a random share to one value; scale and shift so that the moments stay."""

    def __init__(self, ratio: float, value: float) -> None:
        super().__init__()
        self.ratio, self.value = ratio, value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        kept = 1 - self.ratio
        scale = 1 / math.sqrt(kept + self.value**2 * kept * self.ratio)
        dropped = torch.rand_like(x) < self.ratio
        shift = -scale * self.ratio * self.value
        return scale * torch.where(dropped, self.value, x) + shift
