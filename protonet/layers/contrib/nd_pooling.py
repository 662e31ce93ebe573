"""NdPooling: the maximum or the average of windows over as many axes as kernel_shape has."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.extent import Extent
from protonet.layers.forks import POOLING
from protonet.layers.volumes import shaped_extent
from protonet.program import Builder, Expr, nn

_MAX, _AVE = 0, 1
_MODULES = {
    1: (nn.MaxPool1d, nn.AvgPool1d),
    2: (nn.MaxPool2d, nn.AvgPool2d),
    3: (nn.MaxPool3d, nn.AvgPool3d),
}


@register("NdPooling")
class NdPooling(Layer):
    """Reduce each window of kernel_shape to one number; sizes round up.

    (n, c, ...) to (n, c, ...), one to three axes behind the channels. Windows lie side by side or
    overlap, and have no pad. Source: CudnnNdPoolingLayer of chuckcho's video-caffe.
    """

    param = "pooling_param"
    backward_reads = ("bottoms", "tops")
    refuses = POOLING
    examples = (
        Example(
            'layer { name: "pool1" type: "NdPooling" bottom: "x" top: "y" pooling_param { '
            "kernel_shape { dim: 1 dim: 2 dim: 2 } stride_shape { dim: 1 dim: 2 dim: 2 } } }",
            {"x": (2, 3, 4, 9, 9)},
            {"y": (2, 3, 4, 5, 5)},
            "self.pool1 = nn.MaxPool3d((1, 2, 2), ceil_mode=True)",
        ),
    )

    def extent(self, x: Shape) -> Extent:
        """The window over the axes behind the channels; all of them with global_pooling."""
        if self.p.global_pooling:
            return Extent(x[2:], (1,) * len(x[2:]), (0,) * len(x[2:]), (1,) * len(x[2:]))
        return shaped_extent(self.p, x)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) - 2 not in _MODULES:
            raise LayerError(f"it takes 3 to 5 axes, not {show(x)}", "bottom", 0)
        if self.p.pool not in (_MAX, _AVE):
            raise LayerError("only MAX and AVE are supported", "pool")
        extent = self.extent(x)
        if any(extent.pad):
            raise LayerError("a pad of its windows is not supported", "pad_shape")
        if any(s > k for s, k in zip(extent.stride, extent.kernel, strict=True)):
            what = f"strides {show(extent.stride)} leave gaps between windows {show(extent.kernel)}"
            raise LayerError(what, "stride_shape")
        sides = list(zip(x[2:], extent.kernel, extent.stride, strict=True))
        if any(n < k for n, k, _ in sides):
            what = f"a window of {show(extent.kernel)} does not fit into {show(x[2:])}"
            raise LayerError(what, "kernel_shape")
        if self.p.pool == _AVE and any((n - k) % s for n, k, s in sides):
            what = f"windows {show(extent.kernel)} of AVE do not end with {show(x[2:])}"
            raise LayerError(what, "kernel_shape")
        return ((*x[:2], *(-(-(n - k) // s) + 1 for n, k, s in sides)),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x = b.bottoms[0]
        extent = self.extent(x)
        module = _MODULES[len(x) - 2][self.p.pool]
        stride = {} if extent.stride == extent.kernel else {"stride": extent.stride}
        rounding = {"ceil_mode": True} if self.p.pool == _MAX and max(extent.stride) > 1 else {}
        return b.module(module, extent.kernel, **stride, **rounding)(*bottoms)
