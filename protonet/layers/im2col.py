"""Im2col: the windows of a convolution as channels."""

from __future__ import annotations

from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Reach,
    Shape,
    canonical_axis,
    count,
    register,
)
from protonet.layers.extent import (
    Extent,
    convolution_extent,
    convolution_numbers,
    convolved,
    lacking,
)
from protonet.program import Builder, Expr, F, torch


@register("Im2col")
class Im2col(Layer):
    """Lay out what each window of a convolution sees along the channels.

    (n, c, h, w) to (n, c * k_h * k_w, h', w'). Source: Caffe's Im2colLayer.
    """

    param = "convolution_param"
    keeps = ()
    needs_elements = True
    kind = "pooling"
    examples = (
        Example(
            'layer { name: "l" type: "Im2col" bottom: "x" top: "y" '
            "convolution_param { kernel_size: 3 pad: 1 stride: 2 } }",
            {"x": (2, 3, 8, 8)},
            {"y": (2, 27, 4, 4)},
            "y = im2col(x, [3, 3], [2, 2], [1, 1], [1, 1])",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        axis, extent = canonical_axis(self.p.axis, x), self.extent(x)
        if axis == len(x) - 1:
            raise LayerError("it needs a spatial axis after the channels", "bottom", 0)
        size = convolved(x[axis + 1 :], extent)
        return ((*x[:axis], x[axis] * count(extent.kernel), *size),)

    def extent(self, x: Shape) -> Extent:
        """The window over the axes that follow the channels."""
        return convolution_extent(self.p, len(x) - canonical_axis(self.p.axis, x) - 1)

    def numbers(self) -> tuple[str, ...]:
        return convolution_numbers(self.p)

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        return self.extent(bottoms[0]).reach()

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        axis, e = canonical_axis(self.p.axis, b.bottoms[0]), self.extent(b.bottoms[0])
        pads = lacking(b.bottoms[0][axis + 1 :], e)
        x = b.call(F.pad, x, pads) if pads else x
        window = [list(part) for part in (e.kernel, e.stride, e.pad, e.dilation)]
        return b.call(im2col, x, *window, axis=axis)


def im2col(
    x: torch.Tensor,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    axis: int = 1,
) -> torch.Tensor:
    """Every window of the axes after ``axis``, laid out along that axis."""
    if len(kernel) == 2 and axis == 1:
        windows = zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
        sides = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in windows]
        window = (tuple(part) for part in (kernel, dilation, padding, stride))
        y = F.unfold(x, *window)
        return y.reshape(*y.shape[:2], *sides)
    x = F.pad(x, [p for p in reversed(padding) for _ in range(2)])
    for i in reversed(range(len(kernel))):
        size, reach = x.shape[axis + 1 + i], dilation[i] * (kernel[i] - 1)
        first = torch.arange(0, size - reach, stride[i], device=x.device)
        offset = torch.arange(0, reach + 1, dilation[i], device=x.device)
        places = offset[:, None] + first
        x = x.index_select(axis + 1 + i, places.flatten())
        x = x.reshape(*x.shape[: axis + 1 + i], *places.shape, *x.shape[axis + 2 + i :])
    for i in range(len(kernel)):
        x = x.movedim(axis + 1 + 2 * i, axis + 1 + i)
    return x.flatten(axis, axis + len(kernel))
