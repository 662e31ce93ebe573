"""Tiling: channels as squares of pixels, of VPGNet's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, F


@register("Tiling")
class Tiling(Layer):
    """Make tile_dim^2 channels in a row the pixels of a square, row by row.

    (n, c, h, w) to (n, c / tile_dim^2, h * tile_dim, w * tile_dim).
    Source: TilingLayer of SeokjuLee's VPGNet.
    """

    param = "tiling_param"
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "Tiling" bottom: "x" top: "y" tiling_param { tile_dim: 2 } }',
            {"x": (2, 8, 3, 4)},
            {"y": (2, 2, 6, 8)},
            "y = F.pixel_shuffle(x, 2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        self.check_positive("tile_dim")
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        side = self.p.tile_dim
        if x[1] % side**2:
            what = f"{x[1]} channels are no multiple of {side}x{side}"
            raise LayerError(what, "tile_dim")
        return ((x[0], x[1] // side**2, x[2] * side, x[3] * side),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(F.pixel_shuffle, *bottoms, self.p.tile_dim)
