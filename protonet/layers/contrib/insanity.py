"""Insanity: a leaky rectifier whose slope is random in training."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, nn, single, torch


@register("Insanity")
class InsanityLayer(Layer):
    """Keep what is positive, divide the rest: in training by a random number from lb to ub.

    Else by the one number (ub - lb) / (log |ub| - log |lb|). Any shape of at least 2 axes, kept.
    Source: InsanityLayer of happynear's Caffe fork.
    """

    param = "insanity_param"
    may_run_in_place = True
    examples = (
        Example(
            'layer { name: "insane1" type: "Insanity" bottom: "x" top: "y" '
            "insanity_param { lb: 3 ub: 8 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.insane1 = Insanity(3.0, 8.0)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        low, high = single(self.p.lb), single(self.p.ub)
        if len(bottoms[0]) < 2:
            raise LayerError("it takes at least 2 axes", "bottom", 0)
        if not low < high or low * high == 0:
            field = "lb" if self.has("lb") else "ub"
            stated = (field,) if self.has(field) else ()
            what = f"lb {low} must be below ub {high}, and neither of them 0"
            raise LayerError(what, *stated)
        if low == -high:
            what = f"lb {low} and ub {high} have one size, and no mean of their logarithms"
            raise LayerError(what, "lb")
        return bottoms

    def reads_backward(self) -> tuple[str, ...]:
        """Where it works in place and a bound is negative, a copy of the bottom."""
        in_place = self.message.bottom[0] == self.message.top[0]
        return () if in_place and self.p.lb < 0 else ("bottoms",)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.module(Insanity, single(self.p.lb), single(self.p.ub))(*bottoms)


class Insanity(nn.Module):
    """Divide what is negative, in training by random numbers between two bounds."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high
        self.mean = (high - low) / (math.log(abs(high)) - math.log(abs(low)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return torch.where(x > 0, x, x / self.mean)
        divisor = torch.empty_like(x).uniform_(self.low, self.high)
        return torch.where(x > 0, x, x / divisor)
