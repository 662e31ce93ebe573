"""Flatten: several axes as one."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, canonical_axis, count, register
from protonet.program import Builder, Expr


@register("Flatten")
class Flatten(Layer):
    """Join the axes from ``axis`` to ``end_axis`` into one.

    (n, c, h, w) to (n, c * h * w) by default. Source: Caffe's FlattenLayer.
    """

    param = "flatten_param"
    keeps = ()
    is_view = True
    shares_memory = True
    kind = "shape"
    examples = (
        Example(
            'layer { name: "flat" type: "Flatten" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 48)},
            "y = x.flatten(1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        start, end = self.axes(x)
        return ((*x[:start], count(x, start, end + 1), *x[end + 1 :]),)

    def axes(self, x: Shape) -> tuple[int, int]:
        """The first and the last axis to join; one before the first to insert an axis of 1."""
        start = canonical_axis(self.p.axis, x)
        end = canonical_axis(self.p.end_axis, x, "end_axis")
        if end < start - 1:
            raise LayerError(f"end_axis {end} lies before axis {start}", "end_axis")
        return start, end

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        start, end = self.axes(b.bottoms[0])
        if end < start:
            return x.unsqueeze(start)
        if end == start:
            return x
        return x.flatten(start) if end == len(b.bottoms[0]) - 1 else x.flatten(start, end)
