"""Pooling3D: the maximum or the average of windows over time and space."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.extent import Extent, positive, refuse_shapes
from protonet.program import Builder, Expr, F, nn, torch

_MAX, _STOCHASTIC = 0, 2


@register("Pooling3D")
class Pooling3D(Layer):
    """Reduce each window of frames to one number; sizes round up.

    (n, c, length, h, w) to (n, c, length', h', w'). Only an average takes a pad, and divides by
    the window's part of the padded frames. The fields are pooling3d_param's or, in the older
    form, pooling_param's. Source: C3D's Caffe fork, Pooling3DLayer.
    """

    param = "pooling3d_param"
    examples = (
        Example(
            'layer { name: "pool1" type: "Pooling3D" bottom: "x" top: "y" pooling3d_param '
            "{ pool: MAX kernel_size: 2 kernel_depth: 1 stride: 2 temporal_stride: 1 } }",
            {"x": (2, 3, 16, 9, 9)},
            {"y": (2, 3, 16, 5, 5)},
            "self.pool1 = nn.MaxPool3d((1, 2, 2), ceil_mode=True)",
        ),
        Example(
            'layer { name: "pool1" type: "Pooling3D" bottom: "x" top: "y" pooling_param '
            "{ pool: AVE kernel_size: 3 kernel_depth: 2 stride: 2 temporal_stride: 2 pad: 1 } }",
            {"x": (2, 3, 4, 9, 9)},
            {"y": (2, 3, 2, 5, 5)},
            "y = average_pool3d(x, (2, 3, 3), (2, 2, 2), (0, 1, 1))",
        ),
    )

    def param_field(self) -> str:
        return "pooling_param" if self.message.HasField("pooling_param") else "pooling3d_param"

    def reads_backward(self) -> tuple[str, ...]:
        """A maximum is found again by comparing both sides."""
        return ("bottoms", "tops") if self.p.pool == _MAX else ()

    def extent(self) -> Extent:
        """The window over (length, h, w)."""
        p = self.p
        refuse_shapes(p)
        if not p.kernel_size or not p.kernel_depth:
            hint = "give kernel_size and kernel_depth"
            raise LayerError("it does not state its window", hint=hint)
        steps = p.temporal_stride if self.has("temporal_stride") else 1
        stride = (steps, p.stride, p.stride)
        positive(stride, p, "stride", "temporal_stride")
        kernel = (p.kernel_depth, p.kernel_size, p.kernel_size)
        return Extent(kernel, stride, (0, p.pad, p.pad), (1, 1, 1))

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 5:
            raise LayerError(f"it takes 5 axes (n, c, length, h, w), not {show(x)}", "bottom", 0)
        if self.p.pool == _STOCHASTIC:
            raise LayerError("STOCHASTIC pooling of frames is not supported", "pool")
        if self.p.pad and self.p.pool == _MAX:
            raise LayerError("only AVE pooling takes a pad", "pad")
        if "temporal_pad" in self.p.DESCRIPTOR.fields_by_name and self.p.temporal_pad:
            raise LayerError("frames take no pad", "temporal_pad")
        extent = self.extent()
        if any(n + 2 * p < k for n, p, k in zip(x[2:], extent.pad, extent.kernel, strict=True)):
            what = f"a window of {show(extent.kernel)} does not fit into {show(x[2:])}"
            raise LayerError(what, "kernel_size")
        windows = zip(x[2:], extent.kernel, extent.stride, extent.pad, strict=True)
        return ((*x[:2], *(-(-(n + 2 * p - k) // s) + 1 for n, k, s, p in windows)),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        extent = self.extent()
        dense = all(s <= k for s, k in zip(extent.stride, extent.kernel, strict=True))
        if dense and not any(extent.pad):
            pool = nn.MaxPool3d if self.p.pool == _MAX else nn.AvgPool3d
            given = {} if extent.stride == extent.kernel else {"stride": extent.stride}
            rounding = {"ceil_mode": True} if any(s > 1 for s in extent.stride) else {}
            return b.module(pool, extent.kernel, **given, **rounding)(x)
        b.helper(pool3d_pads)
        if self.p.pool == _MAX:
            return b.call(max_pool3d, x, extent.kernel, extent.stride)
        return b.call(average_pool3d, x, extent.kernel, extent.stride, extent.pad)


def pool3d_pads(
    x: torch.Tensor,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    padding: tuple[int, int, int],
) -> list[int]:
    """What F.pad takes to make every window of frames a whole one."""
    pads: list[int] = []
    for axis in (2, 1, 0):
        size, k, s, p = x.shape[2 + axis], kernel[axis], stride[axis], padding[axis]
        steps = (size + 2 * p - k + s - 1) // s
        pads += [p, steps * s + k - p - size]
    return pads


def max_pool3d(
    x: torch.Tensor,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
) -> torch.Tensor:
    """Max pooling of frames whose windows may begin behind the last."""
    pads = pool3d_pads(x, kernel, stride, (0, 0, 0))
    return F.max_pool3d(F.pad(x, pads, value=torch.finfo(x.dtype).min), kernel, stride)


def average_pool3d(
    x: torch.Tensor,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    padding: tuple[int, int, int],
) -> torch.Tensor:
    """Average over windows of frames, each clipped to the padded frames."""
    pads = pool3d_pads(x, kernel, stride, padding)
    total = F.avg_pool3d(F.pad(x, pads), kernel, stride, divisor_override=1)
    for axis in range(3):
        size, k, p = x.shape[2 + axis], kernel[axis], padding[axis]
        first = torch.arange(total.shape[2 + axis], device=x.device) * stride[axis] - p
        length = (first + k).clamp(max=size + p) - first
        total = total / length.view(-1, *(1,) * (2 - axis))
    return total
