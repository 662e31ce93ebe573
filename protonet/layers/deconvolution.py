"""Deconvolution: a convolution's transpose, which makes the spatial axes larger."""

from __future__ import annotations

from protonet.layers.base import Example, LayerError, Reach, Shape, count, register
from protonet.layers.extent import Filters, spread
from protonet.program import Builder, Expr, nn

_TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


@register("Deconvolution")
class Deconvolution(Filters):
    """Spread each input over a window of the output, by learned filters.

    (n, c, ...) to (n, num_output, ...), the axes before ``axis`` taken as n.
    Source: Caffe's DeconvolutionLayer.
    """

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
        if axis == len(x) - 1:
            raise LayerError("it needs a spatial axis after the channels", "bottom", 0)
        top = (*x[:axis], self.p.num_output, *spread(x[axis + 1 :], self.extent(x)))
        return (top,) * len(bottoms)

    def blob_shapes(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x = bottoms[0]
        outputs = self.p.num_output // self.group(x)
        return self.with_bias((x[self.axis(x)], outputs, *self.extent(x).kernel))

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        shape = b.bottoms[0]
        axis, extent = self.axis(shape), self.extent(shape)
        module = b.module(
            _TRANSPOSED[len(extent.kernel)],
            shape[axis],
            self.p.num_output,
            extent.kernel,
            stride=extent.stride,
            padding=extent.pad,
            groups=self.group(shape),
            bias=self.p.bias_term,
            dilation=extent.dilation,
        )
        if axis < 2:
            return tuple(module(x) for x in bottoms)
        flat = ((x, module(x.flatten(0, axis - 1))) for x in bottoms)
        return tuple(y.unflatten(0, x.shape[:axis]) for x, y in flat)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        weight = self.blob_shapes(*bottoms)[0]
        return sum(count(x) * count(weight, 1) for x in bottoms)

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        return self.extent(bottoms[0]).reach(upward=True) if self.axis(bottoms[0]) == 1 else None
