"""Convolution3D: learned filters over time and space."""

from __future__ import annotations

from typing import ClassVar

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.blob import Blob, weight_and_bias
from protonet.layers.extent import Extent, convolved, positive
from protonet.layers.forks import CONVOLUTION, without
from protonet.program import Builder, Expr, nn


@register("Convolution3D")
class Convolution3D(Layer):
    """Cross-correlate frames with learned filters, square in space, of their own size in time.

    (n, c, length, h, w) to (n, num_output, length', h', w'). The fields are convolution3d_param's
    or, in the older form, convolution_param's. filter_group changes nothing. Source: C3D's Caffe
    fork, Convolution3DLayer.
    """

    param = "convolution3d_param"
    backward_reads = ("bottoms",)
    refuses = without(CONVOLUTION, "kernel_depth", "temporal_pad", "temporal_stride")
    examples: ClassVar[tuple[Example, ...]] = (
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

    def param_field(self) -> str:
        older = self.message.HasField("convolution_param")
        return "convolution_param" if older else "convolution3d_param"

    def side(self, field: str, default: int) -> int:
        """A field that one form has once and the other as a list."""
        given = getattr(self.p, field)
        if isinstance(given, int):
            return given if self.has(field) else default
        if len(given) > 1:
            raise LayerError(f"{field} is given {len(given)} times; it takes one", field)
        return int(given[0]) if len(given) else default

    def extent(self) -> Extent:
        """The window over (length, h, w)."""
        p = self.p
        if not p.kernel_depth or not self.side("kernel_size", 0):
            hint = "give kernel_size and kernel_depth"
            raise LayerError("it does not state its window", hint=hint)
        kernel = (p.kernel_depth, *(self.side("kernel_size", 0),) * 2)
        steps = p.temporal_stride if self.has("temporal_stride") else 1
        stride = (steps, *(self.side("stride", 1),) * 2)
        pad = (p.temporal_pad, *(self.side("pad", 0),) * 2)
        positive(stride, p, "stride", "temporal_stride")
        return Extent(kernel, stride, pad, (1, 1, 1))

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 5:
            raise LayerError(f"it takes 5 axes (n, c, length, h, w), not {show(x)}", "bottom", 0)
        self.check_positive("num_output")
        if self.p.group != 1:
            raise LayerError(f"group {self.p.group} is not supported", "group")
        return ((x[0], self.p.num_output, *convolved(x[2:], self.extent())),)

    def filters(self, x: Shape) -> Shape:
        """The shape of the weight."""
        return (self.p.num_output, x[1], *self.extent().kernel)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        return weight_and_bias(self.p, self.filters(bottoms[0]), (self.p.num_output,))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        extent = self.extent()
        return b.module(
            nn.Conv3d,
            b.bottoms[0][1],
            self.p.num_output,
            extent.kernel,
            stride=extent.stride,
            padding=extent.pad,
            bias=bool(self.p.bias_term),
        )(*bottoms)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(tops[0]) * count(self.filters(bottoms[0]), 1)
