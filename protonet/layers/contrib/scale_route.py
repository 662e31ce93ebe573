"""ScaleRoute: the regions of some sizes, of the Cascade R-CNN fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, single, torch


@register("ScaleRoute")
class ScaleRoute(Layer):
    """Keep the regions whose scale, the root of their area, is from low_scale to below high_scale.

    Regions (n, 5) of image, x1, y1, x2, y2, and anything else (n, ...), to the same of those kept,
    (k, ...), where shapes say 1. Where none is of these scales, the one nearest to their middle
    is. No gradient. Source: ScaleRouteLayer of zhaoweicai's cascade-rcnn.
    """

    param = "scale_route_param"
    bottoms = (1, None)
    tops = (1, None)
    grows = 0
    examples = (
        Example(
            'layer { name: "l" type: "ScaleRoute" bottom: "x" bottom: "label" top: "y" top: "z" '
            "scale_route_param { low_scale: 112 high_scale: 224 } }",
            {"x": (4, 5, 1, 1), "label": (4, 1, 1, 1)},
            {"y": (1, 5, 1, 1), "z": (1, 1, 1, 1)},
            "y, z = regions_of_scale([x, label], 112.0, 224.0, 158.39191898578665)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if len(bottoms) != len(self.message.top):
            what = f"{len(bottoms)} bottoms take as many tops, not {len(self.message.top)}"
            raise LayerError(what, "top")
        for index, x in enumerate(bottoms):
            if not x or x[0] != bottoms[0][0] or len(x) > 4:
                what = f"{show(bottoms[0][:1])} regions take as many rows, not {show(x)}"
                raise LayerError(what, "bottom", index)
        if count(bottoms[0], 1) != 5:
            raise LayerError(f"regions have the shape Nx5, not {show(bottoms[0])}", "bottom", 0)
        if any(self.message.propagate_down):
            where = list(self.message.propagate_down).index(True)
            raise LayerError("it sends no gradient down", "propagate_down", where)
        low, high = single(self.p.low_scale), single(self.p.high_scale)
        if self.has("low_scale") and low <= 0:
            raise LayerError(f"low_scale must be positive, it is {low}", "low_scale")
        if self.has("high_scale") and high < low:
            raise LayerError(f"high_scale {high} is below low_scale {low}", "high_scale")
        return tuple((1, *x[1:], *(1,) * (4 - len(x))) for x in bottoms)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        low = single(self.p.low_scale) if self.has("low_scale") else 0.0
        high = single(self.p.high_scale) if self.has("high_scale") else None
        middle = math.sqrt((low or high or 256.0) * (high or low or 256.0))
        found = b.call(regions_of_scale, list(bottoms), low, high, middle)
        return found if len(b.tops) > 1 else (found[0],)


def regions_of_scale(
    facts: list[torch.Tensor], low: float, high: float | None, middle: float
) -> tuple[torch.Tensor, ...]:
    """The facts, (n, ...) each, of the regions that are kept; the first are the regions."""
    regions = facts[0].detach().reshape(-1, 5)
    side = regions[:, 3:] - regions[:, 1:3]
    scale = torch.where((side >= 0).all(1), (side + 1).prod(1), 0).sqrt()
    fits = scale >= low if high is None else (scale >= low) & (scale < high)
    kept = fits.nonzero()[:, 0]
    if len(kept) == 0:
        kept = (scale / middle).log2().abs().argmin()[None]
    rows = [fact.detach()[kept] for fact in facts]
    return tuple(row.reshape(*row.shape, *(1,) * (4 - row.dim())) for row in rows)
