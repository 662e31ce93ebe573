"""Unpooling: a larger map, each number at the place that a pooling took it from, or spread."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.unpooling import mean_backward, place, unpool, unpool_windows
from protonet.program import Builder, Expr

_MAX, _AVE, _TILE = 0, 1, 2


@register("Unpooling")
class Unpooling(Layer):
    """Put numbers back where they were pooled from, or give each to its window.

    (n, c, h, w) to (n, c, unpool_h, unpool_w), else to what a pooling that rounds up makes (h, w)
    of. MAX puts each at the place that the second bottom, a pooling's mask, names, or without one
    at its window's first place, zeros elsewhere; AVE spreads it evenly over its window; TILE fills
    the window with it, and its gradient is the window's mean, as the fork's is.
    Source: UnpoolingLayer of HyeonwooNoh's Caffe fork.
    """

    param = "unpooling_param"
    bottoms = (1, 2)
    constants = (1,)
    keeps = ()
    kind = "shape"
    ignores = ("engine",)
    examples = (
        Example(
            'layer { name: "l" type: "Unpooling" bottom: "x" bottom: "mask" top: "y" '
            "unpooling_param { unpool: MAX kernel_size: 2 stride: 2 unpool_size: 8 } }",
            {"x": (2, 3, 4, 4), "mask": (2, 3, 4, 4)},
            {"y": (2, 3, 8, 8)},
            "y = unpool(x, mask, (8, 8))",
        ),
        Example(
            'layer { name: "l" type: "Unpooling" bottom: "x" top: "y" '
            "unpooling_param { unpool: AVE kernel_size: 2 stride: 2 unpool_size: 7 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 7, 7)},
            "y = unpool_windows(x, (2, 2), (2, 2), (7, 7))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, *mask = bottoms
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        if mask and self.p.unpool != _MAX:
            raise LayerError("only MAX takes a second bottom, the mask", "bottom", 1)
        if mask and mask[0] != x:
            what = f"the mask {show(mask[0])} has not the shape {show(x)}"
            raise LayerError(what, "bottom", 1)
        size = self.size(x)
        if not mask:
            self.check_room(x, size)
        return ((*x[:2], *size),)

    def check_room(self, x: Shape, size: Shape) -> None:
        """LayerError where a window would begin behind the map."""
        for axis, n, step, room in zip("hw", x[2:], self.stride(), size, strict=True):
            if (n - 1) * step >= room:
                stated = next((f for f in ("unpool_size", f"unpool_{axis}") if self.has(f)), None)
                what = f"a map of {show(size)} has no room for {n} windows that are {step} apart"
                raise LayerError(what, *((stated,) if stated else ()))

    def size(self, x: Shape) -> Shape:
        """The larger map. Source: UnpoolingLayer::LayerSetUp and Reshape."""
        kernel, stride = self.kernel(), self.stride()
        if any(self.pair("pad")):
            raise LayerError("a pad is refused by the fork, too", self.stated("pad"))
        if any(self.has(f) for f in ("unpool_size", "unpool_h", "unpool_w")):
            size = self.pair("unpool_size")
            if min(size) < 1:
                field = self.stated("unpool_size")
                raise LayerError(f"the map must have a size, it is {show(size)}", field)
            return size
        rows = zip(x[2:], kernel, stride, strict=True)
        return tuple(max((n - 1) * s + k, n * s + 1) for n, k, s in rows)

    def kernel(self) -> Shape:
        """The window, (h, w)."""
        if not any(self.has(f) for f in ("kernel_size", "kernel_h", "kernel_w")):
            hint = "give kernel_size, or kernel_h and kernel_w"
            raise LayerError("it has no kernel_size", hint=hint)
        return self.positive("kernel_size")

    def stride(self) -> Shape:
        """From window to window, (h, w)."""
        return self.positive("stride")

    def positive(self, field: str) -> Shape:
        """A pair of lengths. LayerError where one is zero."""
        found = self.pair(field)
        if min(found) < 1:
            what = f"{field} must be positive, it is {show(found)}"
            raise LayerError(what, self.stated(field))
        return found

    def pair(self, field: str) -> Shape:
        """A field over (h, w): itself for both, or its _h and _w."""
        high, wide = (f"{field.removesuffix('_size')}_{axis}" for axis in "hw")
        given = [f for f in (high, wide) if self.has(f)]
        if not given:
            value = getattr(self.p, field)
            return value, value
        if self.has(field):
            raise LayerError(f"{field} is given as well as {given[0]}; it takes one kind", given[0])
        if len(given) == 1:
            raise LayerError(f"{high} and {wide} go together, {given[0]} is alone", given[0])
        return getattr(self.p, high), getattr(self.p, wide)

    def stated(self, field: str) -> str:
        """The field itself, or the one for the height where that alone is stated."""
        high = f"{field.removesuffix('_size')}_h"
        return high if self.has(high) and not self.has(field) else field

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, *mask = bottoms
        size = b.tops[0][2:]
        if mask:
            return b.call(unpool, x, mask[0], size)
        kernel, stride = self.kernel(), self.stride()
        if self.p.unpool == _MAX:
            return b.call(place, x, stride, size)
        b.helper(unpool_windows)
        if self.p.unpool == _AVE:
            return b.call(unpool_windows, x, kernel, stride, size)
        return b.call(mean_backward, x, kernel, stride, size)
