"""Deconvolution3D: a convolution's transpose over time and space."""

from __future__ import annotations

from protonet.layers.base import Example, LayerError, Shape, count, register, show
from protonet.layers.contrib.convolution3d import Convolution3D
from protonet.layers.extent import spread_sizes
from protonet.program import Builder, Expr, nn


@register("Deconvolution3D")
class Deconvolution3D(Convolution3D):
    """Spread each input over a window of frames of the output, by learned filters.

    (n, c, length, h, w) to (n, num_output, length', h', w'). Source: C3D's Caffe fork,
    Deconvolution3DLayer.
    """

    examples = (
        Example(
            'layer { name: "up" type: "Deconvolution3D" bottom: "x" top: "y" '
            "convolution_param { num_output: 8 kernel_size: 4 kernel_depth: 4 pad: 1 "
            "temporal_pad: 1 stride: 2 temporal_stride: 2 } }",
            {"x": (2, 3, 4, 7, 7)},
            {"y": (2, 8, 8, 14, 14)},
            "self.up = nn.ConvTranspose3d(3, 8, 4, stride=2, padding=1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 5:
            raise LayerError(f"it takes 5 axes (n, c, length, h, w), not {show(x)}", "bottom", 0)
        self.check_positive("num_output")
        if self.p.group != 1:
            raise LayerError(f"group {self.p.group} is not supported", "group")
        return ((x[0], self.p.num_output, *spread_sizes(x[2:], self.extent())),)

    def filters(self, x: Shape) -> Shape:
        return (x[1], self.p.num_output, *self.extent().kernel)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        extent = self.extent()
        return b.module(
            nn.ConvTranspose3d,
            b.bottoms[0][1],
            self.p.num_output,
            extent.kernel,
            stride=extent.stride,
            padding=extent.pad,
            bias=bool(self.p.bias_term),
        )(*bottoms)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(bottoms[0]) * count(self.filters(bottoms[0]), 1)
