"""GradientSilent: a gradient that passes or not, of domain-adaptive Faster R-CNN."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register
from protonet.program import Builder, Expr, torch


@register("GradientSilent")
class GradientSilent(Layer):
    """The first bottom itself, whose gradient is 0 where the second's first number is 0.

    Any shape, kept, and a blob of one number or more, which takes no gradient. The fork's code
    for the CPU stops every gradient; this is what its code for GPUs does.
    Source: GradientSilentLayer of yuhuayc's da-faster-rcnn.
    """

    bottoms = (2, 2)
    constants = (1,)
    keeps = ()
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "GradientSilent" bottom: "x" bottom: "need" top: "y" }',
            {"x": (2, 3), "need": (1,)},
            {"y": (2, 3)},
            "y = pass_gradient(x, need)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if not count(bottoms[1]):
            raise LayerError("it takes a number that says whether gradients pass", "bottom", 1)
        return bottoms[:1]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(pass_gradient, *bottoms)


def pass_gradient(x: torch.Tensor, need: torch.Tensor) -> torch.Tensor:
    """The numbers themselves, with a gradient where ``need`` starts with another number than 0."""
    return torch.where(need.flatten()[0] != 0, x, x.detach())
