"""NdConvolution: learned filters over as many axes as kernel_shape has."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.blob import Blob, weight_and_bias
from protonet.layers.extent import Extent, convolved
from protonet.layers.forks import CONVOLUTION, WAYS
from protonet.layers.volumes import shaped_extent
from protonet.program import Builder, Expr, nn

_MODULES = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


@register("NdConvolution")
class NdConvolution(Layer):
    """Cross-correlate with learned filters of kernel_shape, by stride_shape and pad_shape.

    (n, c, ...) to (n, num_output, ...), one to three axes behind the channels.
    Source: CudnnNdConvolutionLayer of chuckcho's video-caffe.
    """

    param = "convolution_param"
    ignores = WAYS
    backward_reads = ("bottoms",)
    refuses = CONVOLUTION
    examples = (
        Example(
            'layer { name: "conv1a" type: "NdConvolution" bottom: "x" top: "y" convolution_param { '
            "num_output: 8 kernel_shape { dim: 3 dim: 5 dim: 5 } "
            "stride_shape { dim: 1 dim: 2 dim: 2 } pad_shape { dim: 1 dim: 0 dim: 0 } } }",
            {"x": (2, 3, 4, 9, 9)},
            {"y": (2, 8, 4, 3, 3)},
            "self.conv1a = nn.Conv3d(3, 8, (3, 5, 5), stride=(1, 2, 2), padding=(1, 0, 0))",
        ),
    )

    def extent(self, x: Shape) -> Extent:
        """The window over the axes behind the channels."""
        return shaped_extent(self.p, x)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) - 2 not in _MODULES:
            raise LayerError(f"it takes 3 to 5 axes, not {show(x)}", "bottom", 0)
        self.check_positive("num_output", "group")
        if x[1] % self.p.group or self.p.num_output % self.p.group:
            what = f"group {self.p.group} does not divide {x[1]} channels and {self.p.num_output}"
            raise LayerError(what, "group")
        return ((x[0], self.p.num_output, *convolved(x[2:], self.extent(x))),)

    def filters(self, x: Shape) -> Shape:
        """The shape of the weight."""
        return (self.p.num_output, x[1] // self.p.group, *self.extent(x).kernel)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        return weight_and_bias(self.p, self.filters(bottoms[0]), (self.p.num_output,))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x = b.bottoms[0]
        extent = self.extent(x)
        return b.module(
            _MODULES[len(x) - 2],
            x[1],
            self.p.num_output,
            extent.kernel,
            stride=extent.stride,
            padding=extent.pad,
            groups=self.p.group,
            bias=bool(self.p.bias_term),
        )(*bottoms)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(tops[0]) * count(self.filters(bottoms[0]), 1)
