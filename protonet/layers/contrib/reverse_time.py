"""ReverseTime: each sequence from its end to its beginning, of ChWick's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, torch


@register("ReverseTime")
class ReverseTime(Layer):
    """Turn round the first steps of each sequence, as many as it is long.

    (time, n, ...) and lengths (n,); the steps after them are zeros, or as they are with
    copy_remaining. Source: ReverseTimeLayer of ChWick's Caffe and of caffe_ocr.
    """

    param = "reverse_time_param"
    bottoms = (2, 2)
    constants = (1,)
    examples = (
        Example(
            'layer { name: "l" type: "ReverseTime" bottom: "x" bottom: "length" top: "y" }',
            {"x": (6, 2, 5), "length": (2,)},
            {"y": (6, 2, 5)},
            "y = turned_round(x, length)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, lengths = bottoms
        if len(x) < 2 or lengths != x[1:2]:
            what = f"(time, n, ...) takes lengths (n,), not {show(x)} and {show(lengths)}"
            raise LayerError(what, "bottom", 1)
        return (x,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        options = {"copy": True} if self.p.copy_remaining else {}
        return b.call(turned_round, *bottoms, **options)


def turned_round(
    x: torch.Tensor,
    lengths: torch.Tensor,
    copy: bool = False,
) -> torch.Tensor:
    """The first steps (time, n, ...) of each sequence in the other order."""
    steps = torch.arange(len(x), device=x.device).unsqueeze(1)
    inside = steps < lengths.long()
    source = torch.where(inside, lengths.long() - 1 - steps, steps)
    shape = (*source.shape, *[1] * (x.dim() - 2))
    y = x.gather(0, source.view(shape).expand_as(x))
    return y if copy else torch.where(inside.view(shape), y, 0)
