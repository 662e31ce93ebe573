"""Tile: a blob, several times over."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, canonical_axis, register
from protonet.program import Builder, Expr, torch, wrap


@register("Tile")
class Tile(Layer):
    """Repeat the blob ``tiles`` times along ``axis``.

    Any shape. Source: Caffe's TileLayer.
    """

    param = "tile_param"
    keeps = ()
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "Tile" bottom: "x" top: "y" tile_param { tiles: 3 } }',
            {"x": (2, 3, 4)},
            {"y": (2, 9, 4)},
            "y = torch.cat([x] * 3, dim=1)",
        ),
    )

    def runs_in_place(self) -> bool:
        """One tile is the bottom itself."""
        return bool(self.p.tiles == 1)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        axis = canonical_axis(self.p.axis, x)
        self.check_positive("tiles")
        return ((*x[:axis], x[axis] * self.p.tiles, *x[axis + 1 :]),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        if self.p.tiles == 1:
            return x
        axis = canonical_axis(self.p.axis, b.bottoms[0])
        return b.call(torch.cat, wrap([x]) * self.p.tiles, dim=axis)
