"""Pooling: the maximum, the average or a random element of each window."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protonet.layers.base import Example, Layer, LayerError, Reach, Shape, count, register, show
from protonet.layers.extent import Extent, positive, refuse_shapes
from protonet.layers.forks import POOLING
from protonet.program import Builder, Expr, F, nn, torch

_MAX, _AVE, _STOCHASTIC = 0, 1, 2
_FLOOR = 1


@register("Pooling")
class Pooling(Layer):
    """Reduce each spatial window to one number; sizes round up unless round_mode says FLOOR.

    (n, c, h, w) to (n, c, h', w'); a second top has MAX's places as h * width + w.
    Source: Caffe's PoolingLayer.
    """

    param = "pooling_param"
    tops = (1, 2)
    needs_elements = True
    kind = "pooling"
    refuses = POOLING
    examples = (
        Example(
            'layer { name: "pool1" type: "Pooling" bottom: "x" top: "y" '
            "pooling_param { pool: MAX kernel_size: 3 stride: 2 } }",
            {"x": (2, 3, 8, 8)},
            {"y": (2, 3, 4, 4)},
            "self.pool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)",
        ),
        Example(
            'layer { name: "pool5" type: "Pooling" bottom: "x" top: "y" '
            "pooling_param { pool: AVE global_pooling: true } }",
            {"x": (2, 3, 8, 8)},
            {"y": (2, 3, 1, 1)},
            "y = x.mean((2, 3), keepdim=True)",
        ),
        Example(
            'layer { name: "sample" type: "Pooling" bottom: "x" top: "y" '
            "pooling_param { pool: MAX kernel_size: 1 stride: 2 round_mode: FLOOR } }",
            {"x": (2, 3, 8, 8)},
            {"y": (2, 3, 4, 4)},
            "self.sample = nn.MaxPool2d(1, stride=2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        tops = len(self.message.top)
        if tops > 1 and self.p.pool != _MAX:
            raise LayerError("only MAX pooling has a second top, the places", "top", 1)
        extent = self.extent(x)
        if self.p.pool == _STOCHASTIC and any(extent.pad):
            raise LayerError("STOCHASTIC pooling takes no pad", self.stated("pad"))
        size = self.pooled(x[2:], extent)
        if min(size) < 1 or not count(x, 2):
            what = f"a window of {show(extent.kernel)} does not fit into {show(x[2:])}"
            raise LayerError(what, self.stated("kernel_size"))
        return ((*x[:2], *size),) * tops

    def stated(self, field: str) -> str:
        """The field itself, or the one for the height where that alone is stated."""
        high = f"{field.removesuffix('_size')}_h"
        return high if self.has(high) and not self.has(field) else field

    def extent(self, x: Shape) -> Extent:
        """The window over (h, w). Source: PoolingLayer::LayerSetUp."""
        refuse_shapes(self.p)
        if self.p.global_pooling:
            self.check_global()
            return Extent(x[2:], (1, 1), (0, 0), (1, 1))
        if not any(self.has(f) for f in ("kernel_size", "kernel_h", "kernel_w")):
            hint = "give kernel_size, or kernel_h and kernel_w, or global_pooling: true"
            raise LayerError("it has no kernel_size", hint=hint)
        kernel, stride, pad = (self.pair(f) for f in ("kernel_size", "stride", "pad"))
        positive(kernel, self.p, "kernel_size", "kernel_h", "kernel_w")
        positive(stride, self.p, "stride", "stride_h", "stride_w")
        if any(pad) and any(a >= k for a, k in zip(pad, kernel, strict=True)):
            what = f"pad {show(pad)} must be smaller than the kernel, {show(kernel)}"
            raise LayerError(what, self.stated("pad"))
        return Extent(kernel, stride, pad, (1, 1))

    def check_global(self) -> None:
        """LayerError where a window is stated beside global_pooling."""
        for field in ("kernel_size", "kernel_h", "kernel_w"):
            if self.has(field):
                raise LayerError(f"global_pooling takes no {field}", field)
        for field, plain in (("pad", 0), ("stride", 1)):
            for name in (field, f"{field}_h", f"{field}_w"):
                if self.has(name) and getattr(self.p, name) != plain:
                    raise LayerError(f"global_pooling takes {field} {plain} only", name)

    def pair(self, field: str) -> Shape:
        """A field over (h, w): itself for both, or its _h and _w.

        Beside kernel_size Caffe passes over one of the two alone. PoolingLayer::LayerSetUp.
        """
        high, wide = (f"{field.removesuffix('_size')}_{axis}" for axis in "hw")
        given = [f for f in (high, wide) if self.has(f)]
        passed_over = field == "kernel_size" and self.has(field) and len(given) == 1
        if not given or passed_over:
            value = getattr(self.p, field)
            return value, value
        if self.has(field):
            raise LayerError(f"{field} is given as well as {given[0]}; it takes one kind", given[0])
        if len(given) == 1:
            raise LayerError(f"{high} and {wide} go together, {given[0]} is alone", given[0])
        return getattr(self.p, high), getattr(self.p, wide)

    def rounds_up(self) -> bool:
        """Whether a window that the input only begins counts."""
        floor = self.p.round_mode == _FLOOR or (self.has("ceil_mode") and not self.p.ceil_mode)
        return not floor

    def pooled(self, size: Shape, extent: Extent) -> Shape:
        """Spatial sizes after pooling; with a pad no window starts in the far padding."""
        out = []
        for n, k, s, p in zip(size, extent.kernel, extent.stride, extent.pad, strict=True):
            steps = (n + 2 * p - k + (s - 1 if self.rounds_up() else 0)) // s
            if any(extent.pad) and steps * s >= n + p:
                steps -= 1
            out.append(steps + 1)
        return tuple(out)

    def kept(self) -> tuple[str, ...]:
        """All but a mean over the whole image, which needs its size alone."""
        whole = self.p.global_pooling and self.p.pool == _AVE
        return () if whole else ("bottoms",)

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return 0 if self.p.pool == _AVE else 8 * count(tops[0])

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        found = self.extent(bottoms[0]).reach()
        return replace(found, window=()) if self.p.global_pooling else found

    def manner(self) -> str:
        method = ("max", "average", "stochastic")[self.p.pool]
        return f"{method} of all" if self.p.global_pooling else method

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        (x,) = bottoms
        extent = self.extent(b.bottoms[0])
        if self.p.pool == _STOCHASTIC:
            b.helper(pooling_pads)
            kernel, stride = _short(extent.kernel, extent.stride)
            return b.module(StochasticPool, kernel, stride, ceil_mode=self.rounds_up())(x)
        if len(b.tops) == 2:
            both = b.let("both", self.with_places(b, x, extent))
            return both[0], both[1].to(x.dtype)
        if self.p.global_pooling:
            return self.over_all(b, x)
        largest = self.p.pool == _MAX
        if _torch_agrees(extent, self.rounds_up()):
            return self.by_torch(b, nn.MaxPool2d if largest else nn.AvgPool2d, x, extent)
        b.helper(pooling_pads)
        return self.by_helper(b, padded_max_pool if largest else padded_average_pool, x, extent)

    def over_all(self, b: Builder, x: Expr, **options: bool) -> Expr:
        """One number a channel."""
        if self.p.pool == _AVE:
            return x.mean((2, 3), keepdim=True)
        return b.call(F.adaptive_max_pool2d, x, 1, **options)

    def with_places(self, b: Builder, x: Expr, extent: Extent) -> Expr:
        """The maxima and where they are."""
        if self.p.global_pooling:
            return self.over_all(b, x, return_indices=True)
        if _torch_agrees(extent, self.rounds_up()):
            return self.by_torch(b, nn.MaxPool2d, x, extent, return_indices=True)
        b.helper(pooling_pads)
        return self.by_helper(b, padded_max_pool_with_places, x, extent)

    def by_torch(self, b: Builder, pool: Any, x: Expr, extent: Extent, **options: bool) -> Expr:
        kernel, stride, pad = _short(extent.kernel, extent.stride, extent.pad)
        given = {} if stride == kernel else {"stride": stride}
        padding = {"padding": pad} if any(extent.pad) else {}
        steps = any(s > 1 for s in extent.stride)  # else sizes are whole, whatever the input
        rounding = {"ceil_mode": True} if self.rounds_up() and steps else {}
        return b.module(pool, kernel, **given, **padding, **rounding, **options)(x)

    def by_helper(self, b: Builder, pool: Any, x: Expr, extent: Extent) -> Expr:
        up = self.rounds_up()
        return b.call(pool, x, extent.kernel, extent.stride, extent.pad, ceil_mode=up)


def _short(*pairs: Shape) -> tuple[int | Shape, ...]:
    return tuple(pair[0] if pair[0] == pair[1] else pair for pair in pairs)


def _torch_agrees(extent: Extent, rounds_up: bool) -> bool:
    """Whether torch's own pooling has Caffe's windows, for an input of any size."""
    small = all(2 * p <= k for p, k in zip(extent.pad, extent.kernel, strict=True))
    dense = all(s <= k for s, k in zip(extent.stride, extent.kernel, strict=True))
    return small and (dense or any(extent.pad) or not rounds_up)


def pooling_pads(
    x: torch.Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    ceil_mode: bool,
) -> list[int]:
    """What F.pad takes to make every window of Caffe's a whole one."""
    pads: list[int] = []
    for axis in (1, 0):
        size, k, s, p = x.shape[2 + axis], kernel[axis], stride[axis], padding[axis]
        steps = (size + 2 * p - k + (s - 1 if ceil_mode else 0)) // s
        if any(padding) and steps * s >= size + p:
            steps -= 1
        pads += [p, steps * s + k - p - size]
    return pads


def padded_max_pool(
    x: torch.Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    ceil_mode: bool = True,
) -> torch.Tensor:
    """Max pooling with Caffe's windows, where torch's own has others."""
    pads = pooling_pads(x, kernel, stride, padding, ceil_mode)
    x = F.pad(x, pads, value=torch.finfo(x.dtype).min)
    return F.max_pool2d(x, kernel, stride)


def padded_max_pool_with_places(
    x: torch.Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    ceil_mode: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Max pooling with Caffe's windows, and each maximum's place, -1 in the padding."""
    height, width = x.shape[2:]
    pads = pooling_pads(x, kernel, stride, padding, ceil_mode)
    x = F.pad(x, pads, value=torch.finfo(x.dtype).min)
    y, places = F.max_pool2d(x, kernel, stride, return_indices=True)
    row = places // x.shape[3] - padding[0]
    column = places % x.shape[3] - padding[1]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return y, torch.where(inside, row * width + column, -1)


def padded_average_pool(
    x: torch.Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    ceil_mode: bool = True,
) -> torch.Tensor:
    """Average over Caffe's windows, each clipped to the padded input."""
    height, width = x.shape[2:]
    pads = pooling_pads(x, kernel, stride, padding, ceil_mode)
    y = F.avg_pool2d(F.pad(x, pads), kernel, stride, divisor_override=1)
    top = torch.arange(y.shape[2], device=x.device) * stride[0] - padding[0]
    left = torch.arange(y.shape[3], device=x.device) * stride[1] - padding[1]
    tall = (top + kernel[0]).clamp(max=height + padding[0]) - top
    wide = (left + kernel[1]).clamp(max=width + padding[1]) - left
    return y / (tall[:, None] * wide)


class StochasticPool(nn.Module):
    """In training pick from each window by size; else average, weighted by size."""

    def __init__(
        self,
        kernel: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        ceil_mode: bool = True,
    ) -> None:
        super().__init__()
        self.kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        self.stride = (stride, stride) if isinstance(stride, int) else stride
        self.ceil_mode = ceil_mode

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel, stride = self.kernel, self.stride
        x = F.pad(x, pooling_pads(x, kernel, stride, (0, 0), self.ceil_mode))
        windows = x.unfold(2, kernel[0], stride[0]).unfold(3, kernel[1], stride[1])
        windows = windows.flatten(4)
        total = windows.sum(-1, keepdim=True)
        if not self.training:
            tiny = torch.finfo(x.dtype).tiny
            return windows.square().sum(-1) / (total.squeeze(-1) + tiny)
        threshold = torch.rand_like(total) * total
        place = (windows.cumsum(-1) < threshold).sum(-1, keepdim=True)
        place = place.clamp(max=windows.shape[-1] - 1)
        return windows.gather(-1, place).squeeze(-1)
