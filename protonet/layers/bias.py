"""Bias: add a learned number, or a second bottom."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, canonical_axis, register
from protonet.layers.blob import Blob
from protonet.layers.extent import covered, trailing
from protonet.program import Builder, Expr, nn, torch


@register("Bias")
class BiasLayer(Layer):
    """Add a learned bias, or the second bottom, to the axes from ``axis`` on.

    Any shape, kept. Source: Caffe's BiasLayer.
    """

    param = "bias_param"
    keeps = ()
    bottoms = (1, 2)
    may_run_in_place = True
    kind = "normalisation"
    examples = (
        Example(
            'layer { name: "bias1" type: "Bias" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.bias1 = Bias(3, trailing=2)",
        ),
        Example(
            'layer { name: "l" type: "Bias" bottom: "x" bottom: "s" top: "y" }',
            {"x": (2, 3, 4), "s": (3, 4)},
            {"y": (2, 3, 4)},
            "y = x + s",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if len(bottoms) == 2:
            trailing(*bottoms, self.p.axis)
        return bottoms[:1]

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        if len(bottoms) > 1:
            return ()
        shape = covered(bottoms[0], self.p.axis, self.p.num_axes)
        return (Blob("bias", shape, self.p.filler if self.has("filler") else None),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x = b.bottoms[0]
        if len(bottoms) == 2:
            after = trailing(x, b.bottoms[1], self.p.axis)
            index = (Ellipsis, *(None,) * after)
            return bottoms[0] + (bottoms[1][index] if after else bottoms[1])
        shape = covered(x, self.p.axis, self.p.num_axes)
        start = canonical_axis(self.p.axis, x) if shape else 0
        size = shape[0] if len(shape) == 1 else list(shape)
        return b.module(Bias, size, trailing=len(x) - start - len(shape))(bottoms[0])


class Bias(nn.Module):
    """Add a learned bias that is the same along so many trailing axes."""

    def __init__(self, shape: int | list[int], trailing: int = 0) -> None:
        super().__init__()
        self.trailing = (1,) * trailing
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.bias.view(self.bias.shape + self.trailing)
