"""Slice: one blob, cut into several along an axis."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, canonical_axis, register, show
from protonet.program import Builder, Expr


@register("Slice")
class SliceLayer(Layer):
    """Cut a blob along ``axis`` at the slice points, or into equal parts.

    Source: Caffe's SliceLayer.
    """

    param = "slice_param"
    keeps = ()
    is_view = True
    tops = (1, None)
    kind = "shape"
    examples = (
        Example(
            'layer { name: "cut" type: "Slice" bottom: "x" top: "a" top: "b" }',
            {"x": (2, 6, 4, 4)},
            {"a": (2, 3, 4, 4), "b": (2, 3, 4, 4)},
            "a, b = x.chunk(2, dim=1)",
        ),
        Example(
            'layer { name: "cut" type: "Slice" bottom: "x" top: "a" top: "b" '
            "slice_param { slice_point: 2 } }",
            {"x": (2, 6, 4, 4)},
            {"a": (2, 2, 4, 4), "b": (2, 4, 4, 4)},
            "a, b = x.tensor_split([2], dim=1)",
        ),
    )

    def is_shared(self) -> bool:
        """With one top there is nothing to copy."""
        return len(self.message.top) == 1

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        axis, tops = self.axis(x), len(self.message.top)
        if len(self.p.slice_point):
            sizes = self.sizes(x[axis], tops)
        elif x[axis] % tops:
            what = f"{tops} tops do not divide axis {axis} of {show(x)}, {x[axis]}"
            raise LayerError(what, hint="state a slice_point for all but the last top")
        else:
            sizes = (x[axis] // tops,) * tops
        return tuple((*x[:axis], size, *x[axis + 1 :]) for size in sizes)

    def runs_in_place(self) -> bool:
        """One top is the bottom; several would not leave it whole."""
        return len(self.message.top) == 1

    def axis(self, x: Shape) -> int:
        """The axis to cut, from axis or the older slice_dim."""
        if not self.has("slice_dim"):
            return canonical_axis(self.p.axis, x)
        if self.has("axis"):
            raise LayerError("it takes axis or slice_dim, not both", "slice_dim")
        return canonical_axis(self.p.slice_dim, x, "slice_dim")

    def sizes(self, total: int, tops: int) -> Shape:
        """The parts' sizes between the slice points."""
        points = [0, *self.p.slice_point, total]
        if len(points) != tops + 1:
            given = len(points) - 2
            what = f"{tops} tops take {tops - 1} slice_point, not {given}"
            raise LayerError(what, "slice_point", min(tops - 1, given - 1))
        if tops > total:
            what = f"{tops} tops are more than the {total} of the axis"
            raise LayerError(what, "slice_point", tops - 2)
        for index, (low, high) in enumerate(zip(points, points[1:], strict=False)):
            # Caffe compares the points alone, so that the last top may be empty.
            if high < low or (high == low and index < tops - 1):
                what = f"slice_point must grow, within the {total} of the axis: {high} after {low}"
                raise LayerError(what, "slice_point", min(index, tops - 2))
        return tuple(high - low for low, high in zip(points, points[1:], strict=False))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        axis, tops = self.axis(b.bottoms[0]), len(b.tops)
        if tops == 1:
            return x
        if len(self.p.slice_point):
            return x.tensor_split(list(self.p.slice_point), dim=axis)
        return x.chunk(tops, dim=axis)
