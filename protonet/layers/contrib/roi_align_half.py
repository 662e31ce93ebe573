"""ROIAlignHalf: maxima of interpolated points over the upper half of regions."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.sampling import interpolated
from protonet.program import Builder, Expr, single, torch


@register("ROIAlignHalf")
class ROIAlignHalf(Layer):
    """Cut the upper half of each region into bins; the largest of points a pixel apart in each.

    A map (n, c, h, w) and regions (k, 5) of image, x1, y1, x2, y2, to (k, c, pooled_h, pooled_w),
    0 where a bin is empty. Regions take no gradient; the map's is that of the largest points,
    which the fork drops where they lie on whole pixels. Source: ROIAlignHalfLayer of cgangEE's
    ohem, whose code is for GPUs.
    """

    param = "roi_pooling_param"
    bottoms = (2, 2)
    constants = (1,)
    kind = "pooling"
    examples = (
        Example(
            'layer { name: "l" type: "ROIAlignHalf" bottom: "x" bottom: "roi" top: "y" '
            "roi_pooling_param { pooled_h: 2 pooled_w: 3 spatial_scale: 0.125 } }",
            {"x": (2, 8, 10, 12), "roi": (4, 5)},
            {"y": (4, 8, 2, 3)},
            "y = upper_half_maxima(x, roi, (2, 3), 0.125)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, regions = bottoms
        if len(x) != 4 or not min(x[2:]):
            raise LayerError(f"it takes maps (n, c, h, w), not {show(x)}", "bottom", 0)
        if not regions or count(regions, 1) != 5:
            raise LayerError(f"regions have the shape Nx5, not {show(regions)}", "bottom", 1)
        self.check_positive("pooled_h", "pooled_w")
        return ((regions[0], x[1], self.p.pooled_h, self.p.pooled_w),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(interpolated)
        size = (self.p.pooled_h, self.p.pooled_w)
        return b.call(upper_half_maxima, *bottoms, size, single(self.p.spatial_scale))


def upper_half_maxima(
    x: torch.Tensor,
    regions: torch.Tensor,
    size: tuple[int, int],
    scale: float,
) -> torch.Tensor:
    """The largest of the points of each bin of the upper half of each region."""
    regions = regions.detach().reshape(-1, 5)
    middle = (regions[:, 2:3] + regions[:, 4:]) / 2
    low, high = regions[:, 1:3] * scale, torch.cat([regions[:, 3:4], middle], 1) * scale
    edges, inside = [], []
    for axis, bins in ((1, size[0]), (0, size[1])):
        limit = x.shape[3 - axis]
        step = (high[:, axis] - low[:, axis]).clamp(min=1) / bins
        grid = torch.arange(bins + 1, device=x.device)
        cut = grid * step[:, None] + low[:, axis, None]
        cut = cut.clamp(0, limit)
        taps = int((cut[:, 1:] - cut[:, :-1]).ceil().max()) if len(cut) else 1
        at = cut[:, :-1, None] + torch.arange(max(taps, 1), device=x.device)
        inside.append((at < cut[:, 1:, None]).flatten(1))
        edges.append(at.clamp(max=limit - 1).flatten(1))
    values = interpolated(x, regions[:, 0].long(), *edges)
    counts = inside[0][:, None, :, None] & inside[1][:, None, None]
    values = values.masked_fill(~counts, float("-inf"))
    each = (values.shape[2] // size[0], values.shape[3] // size[1])
    values = values.reshape(*values.shape[:2], size[0], each[0], size[1], each[1])
    largest = values.transpose(3, 4).flatten(4).max(-1).values
    return torch.where(largest == float("-inf"), 0, largest)
