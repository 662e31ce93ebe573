"""ExpMax: exponentials that can't overflow, of LiteFlowNet's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, single, torch


@register("ExpMax")
class ExpMax(Layer):
    """base ^ (shift + scale * (x - largest of the channels)), base e where it is -1.

    (n, c, h, w), kept. The largest is taken off the first image of a batch only, and the gradient
    does not go through it, as in the fork. Source: LiteFlowNet's ExpMaxLayer.
    """

    param = "expmax_param"
    backward_reads = ("tops",)
    keeps = ("tops",)
    examples = (
        Example(
            'layer { name: "l" type: "ExpMax" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 5)},
            {"y": (2, 3, 4, 5)},
            "y = below_largest(x).exp()",
        ),
        Example(
            'layer { name: "l" type: "ExpMax" bottom: "x" top: "y" '
            "expmax_param { base: 2 scale: 3 shift: 1 } }",
            {"x": (2, 3, 4, 5)},
            {"y": (2, 3, 4, 5)},
            "y = torch.pow(2.0, 3.0 * below_largest(x) + 1.0)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if len(bottoms[0]) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(bottoms[0])}", "bottom", 0)
        base = single(self.p.base)
        if base != -1 and not base > 0:
            raise LayerError(f"base must be positive, or -1 for e, not {base}", "base")
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        base, scale, shift = (single(getattr(self.p, name)) for name in ("base", "scale", "shift"))
        power = b.call(below_largest, *bottoms)
        power = power if scale == 1 else scale * power
        power = power if shift == 0 else power + shift
        return power.exp() if base == -1 else b.call(torch.pow, base, power)


def below_largest(x: torch.Tensor) -> torch.Tensor:
    """The first image less the largest of its channels at each place; others as they are."""
    largest = torch.zeros_like(x[:, :1])
    largest[:1] = x[:1].detach().amax(1, keepdim=True)
    return x - largest
