"""Transpose: the axes in another order, of CTPN's Caffe."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr


@register("Transpose")
class Transpose(Layer):
    """Make axis ``dim[i]`` of the bottom axis i of the top, of all axes.

    Any shape. Source: CTPN's TransposeLayer.
    """

    param = "transpose_param"
    examples = (
        Example(
            'layer { name: "l" type: "Transpose" bottom: "x" top: "y" '
            "transpose_param { dim: 3 dim: 2 dim: 0 dim: 1 } }",
            {"x": (2, 8, 4, 5)},
            {"y": (5, 4, 2, 8)},
            "y = x.permute(3, 2, 0, 1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        dims = list(self.p.dim)
        if len(dims) != len(x):
            what = f"it takes one dim for each of the {len(x)} axes of {show(x)}, not {len(dims)}"
            raise LayerError(what, *(("dim",) if dims else ()))
        for index, axis in enumerate(dims):
            if not 0 <= axis < len(x):
                raise LayerError(f"{show(x)} has no axis {axis}", "dim", index)
            if axis in dims[:index]:
                raise LayerError(f"dim names the axis {axis} twice", "dim", index)
        return (tuple(x[axis] for axis in dims),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        dims = list(self.p.dim)
        return x if dims == sorted(dims) else x.permute(*dims)
