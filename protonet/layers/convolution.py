"""Convolution: learned filters, correlated with the input."""

from __future__ import annotations

from protonet.layers.base import Example, Reach, Shape, count, register
from protonet.layers.extent import Filters, convolved, lacking
from protonet.program import Builder, Expr, F, nn


@register("Convolution", "DepthwiseConvolution", "ConvolutionDepthwise")
class Convolution(Filters):
    """Cross-correlate the input with learned filters; several bottoms share them.

    (n, c, ...) to (n, num_output, ...), the axes before ``axis`` taken as n. In the type
    ConvolutionDepthwise every channel is a group. Source: Caffe's ConvolutionLayer.
    """

    modules = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    examples = (
        Example(
            'layer { name: "conv1" type: "Convolution" bottom: "x" top: "y" '
            "convolution_param { num_output: 8 kernel_size: 3 stride: 2 } }",
            {"x": (2, 3, 9, 9)},
            {"y": (2, 8, 4, 4)},
            "self.conv1 = nn.Conv2d(3, 8, 3, stride=2)",
        ),
        Example(
            'layer { name: "conv1" type: "Convolution" bottom: "x" top: "y" convolution_param '
            "{ num_output: 4 kernel_h: 3 kernel_w: 1 pad_h: 1 group: 2 bias_term: false } }",
            {"x": (2, 4, 5, 5)},
            {"y": (2, 4, 5, 5)},
            "self.conv1 = nn.Conv2d(4, 4, (3, 1), padding=(1, 0), groups=2, bias=False)",
        ),
    )

    def group(self, x: Shape) -> int:
        if self.message.type == "ConvolutionDepthwise":
            return x[self.axis(x)]
        return super().group(x)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check(bottoms)
        x = bottoms[0]
        axis = self.axis(x)
        top = (*x[:axis], self.p.num_output, *convolved(x[axis + 1 :], self.extent(x)))
        return (top,) * len(bottoms)

    def filters(self, x: Shape) -> Shape:
        channels = x[self.axis(x)] // self.group(x)
        return (self.p.num_output, channels, *self.extent(x).kernel)

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        shape = b.bottoms[0]
        axis, extent = self.axis(shape), self.extent(shape)
        if axis == len(shape) - 1 and self.group(shape) == 1:
            linear = b.module(nn.Linear, shape[axis], self.p.num_output, bias=self.p.bias_term)
            return tuple(linear(x) for x in bottoms)
        pads = lacking(shape[axis + 1 :], extent)
        padded = (b.call(F.pad, x, pads) if pads else x for x in bottoms)
        return self.applied(b, self.module(b), *padded)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        weight = self.filters(bottoms[0])
        return sum(count(top) * count(weight, 1) for top in tops)

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        return self.extent(bottoms[0]).reach() if self.axis(bottoms[0]) == 1 else None
