"""ROIAlignment: a feature map interpolated in the middle of bins, of MartinPlantinga's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.regions import check_regions
from protonet.layers.sampling import interpolated
from protonet.program import Builder, Expr, single, torch


@register("ROIAlignment")
class ROIAlignment(Layer):
    """Cut each region into bins and interpolate the map in the middle of each.

    A map (n, c, h, w) and regions (k, 5) of image, x1, y1, x2, y2, to (k, c, pooled_h, pooled_w).
    Bins end at the map's border. Regions take no gradient. Source: ROIAlignmentLayer of
    MartinPlantinga's Caffe fork, whose code is for GPUs.
    """

    param = "roi_alignment_param"
    bottoms = (2, 2)
    constants = (1,)
    kind = "pooling"
    examples = (
        Example(
            'layer { name: "l" type: "ROIAlignment" bottom: "x" bottom: "roi" top: "y" '
            "roi_alignment_param { pooled_h: 3 pooled_w: 2 spatial_scale: 0.0625 } }",
            {"x": (2, 8, 10, 12), "roi": (4, 5)},
            {"y": (4, 8, 3, 2)},
            "y = roi_middles(x, roi, (3, 2), 0.0625)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, regions = bottoms
        check_regions(x, regions)
        self.check_positive("pooled_h", "pooled_w")
        return ((regions[0], x[1], self.p.pooled_h, self.p.pooled_w),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(interpolated)
        size = (self.p.pooled_h, self.p.pooled_w)
        return b.call(roi_middles, *bottoms, size, single(self.p.spatial_scale))


def roi_middles(
    x: torch.Tensor,
    regions: torch.Tensor,
    size: tuple[int, int],
    scale: float,
) -> torch.Tensor:
    """The map in the middle of the bins of each region."""
    regions = regions.detach().reshape(-1, 5)
    low, high = regions[:, 1:3] * scale, regions[:, 3:] * scale
    places = []
    for axis, bins in ((1, size[0]), (0, size[1])):
        step = (high[:, axis] - low[:, axis] + 1).clamp(min=1) / bins
        grid = torch.arange(bins + 1, device=x.device)
        edges = grid * step[:, None] + low[:, axis, None]
        edges = edges.clamp(0, x.shape[3 - axis] - 1)
        places.append((edges[:, :-1] + edges[:, 1:]) / 2)
    return interpolated(x, regions[:, 0].long(), *places)
