"""Convert: a map's columns as a sequence, of Curve-Text-Detector."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, torch


@register("Convert")
class Convert(Layer):
    """The last axis first, as the steps of a sequence, and where it goes on.

    (n, d, 1, t) to (t, n, d), and (t, n) of 0 for the first step and 1 for all others.
    Source: ConvertLayer of Yuliang-Liu's Curve-Text-Detector.
    """

    tops = (2, 2)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "Convert" bottom: "x" top: "y" top: "cont" }',
            {"x": (2, 3, 1, 5)},
            {"y": (5, 2, 3), "cont": (5, 2)},
            "y, cont = as_sequence(x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) < 3 or count(x[2:-1]) != 1:
            what = f"it takes (n, d, 1, t), whose middle axes are 1, not {show(x)}"
            raise LayerError(what, "bottom", 0)
        return (x[-1], x[0], x[1]), (x[-1], x[0])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(as_sequence, *bottoms)


def as_sequence(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Steps (t, n, d), and which of them go on from one before."""
    steps = x.flatten(2).permute(2, 0, 1)
    goes_on = torch.ones_like(steps[..., 0].detach())
    goes_on[:1] = 0
    return steps, goes_on
