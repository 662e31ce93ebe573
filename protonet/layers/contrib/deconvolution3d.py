"""Deconvolution3D: a convolution's transpose over time and space."""

from __future__ import annotations

from protonet.layers.base import Example, Shape, count, register
from protonet.layers.extent import spread_sizes
from protonet.layers.volumes import VolumeFilters
from protonet.program import nn


@register("Deconvolution3D")
class Deconvolution3D(VolumeFilters):
    """Spread each input over a window of frames of the output, by learned filters.

    (n, c, length, h, w) to (n, num_output, length', h', w'). Source: C3D's Caffe fork,
    Deconvolution3DLayer.
    """

    module = nn.ConvTranspose3d
    backward_reads = ("bottoms",)
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
        x = self.check(bottoms)
        return ((x[0], self.p.num_output, *spread_sizes(x[2:], self.extent())),)

    def filters(self, x: Shape) -> Shape:
        return (x[1], self.p.num_output, *self.extent().kernel)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(bottoms[0]) * count(self.filters(bottoms[0]), 1)
