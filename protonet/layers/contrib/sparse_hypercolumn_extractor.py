"""SparseHypercolumnExtractor: several maps looked up at places, of mix-and-match's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, single, torch


@register("SparseHypercolumnExtractor")
class SparseHypercolumnExtractor(Layer):
    """Each map's channels at each place, interpolated, one behind the other.

    Places (n, k, 2) of y and x in the image, and maps (n, c, h, w), to (n * k, sum of c). A map
    has the place at (y - offset_height) / scale, (x - offset_width) / scale, inside of its border,
    and its numbers are multiplied by activation_mult, 1 where that is not stated. Places take no
    gradient. Source: SparseHypercolumnExtractorLayer of XiaohangZhan's mix-and-match.
    """

    param = "sparse_hypercolumn_extractor_param"
    bottoms = (2, None)
    constants = (0,)
    examples = (
        Example(
            'layer { name: "l" type: "SparseHypercolumnExtractor" bottom: "at" bottom: "a" '
            'bottom: "b" top: "y" sparse_hypercolumn_extractor_param { scale: 2 scale: 4 '
            "offset_height: 0 offset_height: 0.5 offset_width: 0 offset_width: 0.5 } }",
            {"at": (2, 5, 2), "a": (2, 3, 8, 8), "b": (2, 6, 4, 4)},
            {"y": (10, 9)},
            "y = torch.cat([map_at(at, a, 2.0, 0.0, 0.0), map_at(at, b, 4.0, 0.5, 0.5)], 1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        at, *maps = bottoms
        if len(at) < 3 or at[2:] != (2, *(1,) * (len(at) - 3)):
            raise LayerError(f"places have the shape NxKx2, not {show(at)}", "bottom", 0)
        for index, x in enumerate(maps, 1):
            if len(x) != 4 or x[0] != at[0] or min(x[2:]) < 2:
                what = f"it takes maps ({at[0]}, c, h, w) of 2x2 pixels at least, not {show(x)}"
                raise LayerError(what, "bottom", index)
        for field in ("scale", "offset_height", "offset_width"):
            if len(getattr(self.p, field)) != len(maps):
                what = f"{field} is given {len(getattr(self.p, field))} times for {len(maps)} maps"
                raise LayerError(what, *[field] * self.has(field))
        if len(self.p.activation_mult) > len(maps):
            what = f"activation_mult is given {len(self.p.activation_mult)} times"
            raise LayerError(f"{what} for {len(maps)} maps", "activation_mult", len(maps))
        if 0 in self.p.scale:
            raise LayerError("scale can't be 0", "scale", list(self.p.scale).index(0))
        return ((at[0] * at[1], sum(x[1] for x in maps)),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        at, *maps = bottoms
        at = at if len(b.bottoms[0]) == 3 else at.flatten(2)
        columns: list[Expr] = []
        for index, x in enumerate(maps):
            fields = (self.p.scale, self.p.offset_height, self.p.offset_width)
            given = self.p.activation_mult
            times = single(given[index]) if index < len(given) else 1.0
            column = b.call(map_at, at, x, *(single(f[index]) for f in fields))
            columns.append(column if times == 1 else times * column)
        return columns[0] if len(columns) == 1 else b.call(torch.cat, columns, 1)


def map_at(
    at: torch.Tensor, x: torch.Tensor, scale: float, top: float, left: float
) -> torch.Tensor:
    """A map's channels at places (n, k, 2) of the image, bilinear: (n * k, c)."""
    height, width = x.shape[2:]
    y = ((at[..., 0] - top) / scale).clamp(min=0).clamp(max=height - 1.0001)
    z = ((at[..., 1] - left) / scale).clamp(min=0).clamp(max=width - 1.0001)
    row, column = y.long(), z.long()
    image = torch.arange(len(at), device=x.device)[:, None]
    down, across = (y - row)[..., None], (z - column)[..., None]
    upper, lower = (
        x[image, :, r, column] * (1 - across) + x[image, :, r, column + 1] * across
        for r in (row, row + 1)
    )
    return (upper * (1 - down) + lower * down).flatten(0, 1)
