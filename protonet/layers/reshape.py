"""Reshape: the same elements on other axes."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr


@register("Reshape")
class Reshape(Layer):
    """Replace ``num_axes`` axes from ``axis`` on by those of ``shape``.

    A dim of 0 keeps the bottom's axis, one of -1 takes what remains. Source: Caffe's ReshapeLayer.
    """

    param = "reshape_param"
    keeps = ()
    is_view = True
    shares_memory = True
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "Reshape" bottom: "x" top: "y" '
            "reshape_param { shape { dim: 0 dim: -1 dim: 2 } } }",
            {"x": (2, 3, 4)},
            {"y": (2, 6, 2)},
            "y = x.reshape(x.shape[0], -1, 2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        start, end = self.axes(x)
        dims = self.dims(x, start, end)
        known = count(tuple(n for n in dims if n != -1)) * count(x, 0, start) * count(x, end)
        if -1 in dims:
            if not known:
                what = f"dim -1 can't be told where another axis of {show(x)} is 0"
                raise LayerError(what, "shape", "dim", dims.index(-1))
            rest = count(x) // known
            dims = tuple(rest if n == -1 else n for n in dims)
            known *= rest
        shape = (*x[:start], *dims, *x[end:])
        if known != count(x):
            what = f"the {count(x)} elements of {show(x)} do not make {show(shape)}, {known}"
            raise LayerError(what, "shape")
        return (shape,)

    def axes(self, x: Shape) -> tuple[int, int]:
        """The axes that are replaced: from, up to. Source: ReshapeLayer::Reshape."""
        start = self.p.axis if self.p.axis >= 0 else len(x) + self.p.axis + 1
        if not 0 <= start <= len(x):
            raise LayerError(f"axis {self.p.axis} is out of range for {show(x)}", "axis")
        if self.p.num_axes < -1:
            raise LayerError(f"num_axes must be at least -1, not {self.p.num_axes}", "num_axes")
        end = len(x) if self.p.num_axes == -1 else start + self.p.num_axes
        if end > len(x):
            what = f"num_axes {self.p.num_axes} from axis {start} goes past the axes of {show(x)}"
            raise LayerError(what, "num_axes")
        return start, end

    def dims(self, x: Shape, start: int, end: int) -> Shape:
        """The dims stated, 0 replaced by the bottom's."""
        stated = tuple(self.p.shape.dim)
        for index, n in enumerate(stated):
            if n < -1:
                raise LayerError(f"a dim is at least -1, not {n}", "shape", "dim", index)
            if n == 0 and start + index >= len(x):
                what = f"dim 0 keeps axis {start + index}, which {show(x)} does not have"
                raise LayerError(what, "shape", "dim", index)
        if stated.count(-1) > 1:
            last = len(stated) - 1 - stated[::-1].index(-1)
            raise LayerError("only one dim can be -1", "shape", "dim", last)
        return tuple(x[start + i] if n == 0 else n for i, n in enumerate(stated))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        start, end = self.axes(b.bottoms[0])
        kept = [x.shape[i] for i in range(start)]
        dims = [x.shape[start + i] if n == 0 else n for i, n in enumerate(self.p.shape.dim)]
        after = [x.shape[i] for i in range(end, len(b.bottoms[0]))]
        axes = [*kept, *dims, *after]
        return x.reshape(*axes) if axes else x.reshape(())
