"""Convolution3D: learned filters over time and space."""

from __future__ import annotations

from protonet.layers.base import Example, Shape, count, register
from protonet.layers.extent import convolved
from protonet.layers.volumes import VolumeFilters
from protonet.program import nn


@register("Convolution3D")
class Convolution3D(VolumeFilters):
    """Cross-correlate frames with learned filters, square in space, of their own size in time.

    (n, c, length, h, w) to (n, num_output, length', h', w'). The fields are convolution3d_param's
    or, in the older form, convolution_param's. filter_group changes nothing. Source: C3D's Caffe
    fork, Convolution3DLayer.
    """

    module = nn.Conv3d
    backward_reads = ("bottoms",)
    examples = (
        Example(
            'layer { name: "conv1a" type: "Convolution3D" bottom: "x" top: "y" '
            "convolution3d_param { num_output: 8 kernel_size: 3 kernel_depth: 3 pad: 1 "
            "temporal_pad: 1 } }",
            {"x": (2, 3, 16, 9, 9)},
            {"y": (2, 8, 16, 9, 9)},
            "self.conv1a = nn.Conv3d(3, 8, 3, padding=1)",
        ),
        Example(
            'layer { name: "conv1a" type: "Convolution3D" bottom: "x" top: "y" '
            "convolution_param { num_output: 8 kernel_size: 5 kernel_depth: 3 stride: 2 } }",
            {"x": (2, 3, 6, 9, 9)},
            {"y": (2, 8, 4, 3, 3)},
            "self.conv1a = nn.Conv3d(3, 8, (3, 5, 5), stride=(1, 2, 2))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x = self.check(bottoms)
        return ((x[0], self.p.num_output, *convolved(x[2:], self.extent())),)

    def filters(self, x: Shape) -> Shape:
        return (self.p.num_output, x[1], *self.extent().kernel)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(tops[0]) * count(self.filters(bottoms[0]), 1)
