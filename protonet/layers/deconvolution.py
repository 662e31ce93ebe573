"""Deconvolution: a convolution's transpose, which makes the spatial axes larger."""

from __future__ import annotations

from protonet.layers.base import Example, Reach, Shape, count, register
from protonet.layers.extent import Filters, spread_sizes
from protonet.program import Builder, Expr, nn


@register("Deconvolution")
class Deconvolution(Filters):
    """Spread each input over a window of the output, by learned filters.

    (n, c, ...) to (n, num_output, ...), the axes before ``axis`` taken as n.
    Source: Caffe's DeconvolutionLayer.
    """

    modules = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    transposes = True
    examples = (
        Example(
            'layer { name: "up" type: "Deconvolution" bottom: "x" top: "y" '
            "convolution_param { num_output: 2 kernel_size: 4 stride: 2 pad: 1 } }",
            {"x": (2, 3, 5, 5)},
            {"y": (2, 2, 10, 10)},
            "self.up = nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check(bottoms)
        x = bottoms[0]
        axis = self.axis(x)
        top = (*x[:axis], self.p.num_output, *spread_sizes(x[axis + 1 :], self.extent(x)))
        return (top,) * len(bottoms)

    def filters(self, x: Shape) -> Shape:
        outputs = self.p.num_output // self.group(x)
        return (x[self.axis(x)], outputs, *self.extent(x).kernel)

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        return self.applied(b, self.module(b), *bottoms)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        weight = self.filters(bottoms[0])
        return sum(count(x) * count(weight, 1) for x in bottoms)

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        return self.extent(bottoms[0]).reach(upward=True) if self.axis(bottoms[0]) == 1 else None
