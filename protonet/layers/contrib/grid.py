"""Grid: each pixel's own place, of LiteFlowNet's fork."""

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, torch


@register("Grid")
class Grid(Layer):
    """The column and the row of each pixel.

    (n, c, h, w) to (n, 2, h, w); no gradient goes through it. Source: LiteFlowNet's GridLayer.
    """

    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "Grid" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 5)},
            {"y": (2, 2, 4, 5)},
            "y = places(x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        return ((x[0], 2, *x[2:]),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(places, *bottoms)


def places(x: torch.Tensor) -> torch.Tensor:
    """The column and the row of each pixel of a map, (n, 2, h, w)."""
    n, _, height, width = x.shape
    rows = torch.arange(height, dtype=x.dtype, device=x.device)
    columns = torch.arange(width, dtype=x.dtype, device=x.device)
    down, across = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([across, down]).expand(n, -1, -1, -1)
