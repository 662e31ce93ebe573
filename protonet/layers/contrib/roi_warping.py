"""ROIWarping: a feature map sampled at the places of regions, of the MNC fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.boxes import round_half_away
from protonet.layers.regions import check_regions
from protonet.program import Builder, Expr, single, torch


@register("ROIWarping")
class ROIWarping(Layer):
    """Sample a map at pooled_h x pooled_w places of each region, bilinear, from its corner on.

    A map (n, c, h, w) and regions (k, 5) of image, x1, y1, x2, y2, rounded after spatial_scale, to
    (k, c, pooled_h, pooled_w); more than half a place outside the map it is 0. The regions take a
    gradient. Both gradients are the fork's, which take a region as one place wider than it is: the
    map's leaves out what a place is then too far from, the regions' is weighed by their sides, and
    0 in the last row and column. Source: ROIWarpingLayer of daijifeng001's caffe-mnc.
    """

    param = "roi_warping_param"
    bottoms = (2, 2)
    kind = "pooling"
    examples = (
        Example(
            'layer { name: "l" type: "ROIWarping" bottom: "x" bottom: "roi" top: "y" '
            "roi_warping_param { pooled_h: 6 pooled_w: 4 spatial_scale: 0.0625 } }",
            {"x": (2, 8, 10, 12), "roi": (3, 5)},
            {"y": (3, 8, 6, 4)},
            "y = roi_warped(x, roi, (6, 4), 0.0625)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, regions = bottoms
        check_regions(x, regions)
        self.check_positive("pooled_h", "pooled_w")
        return ((regions[0], x[1], self.p.pooled_h, self.p.pooled_w),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (round_half_away, warped_axis, warped):
            b.helper(helper)
        size, scale = (self.p.pooled_h, self.p.pooled_w), single(self.p.spatial_scale)
        return b.call(roi_warped, *bottoms, size, scale)


def roi_warped(
    x: torch.Tensor,
    regions: torch.Tensor,
    size: tuple[int, int],
    scale: float,
) -> torch.Tensor:
    """The map at the places of each region, with the gradients of both."""
    regions = regions.reshape(-1, 5)
    image = regions[:, 0].long()
    ends = round_half_away(regions[:, 1:].detach() * scale)
    down = warped_axis(ends[:, 1], ends[:, 3], size[0], x.shape[2])
    across = warped_axis(ends[:, 0], ends[:, 2], size[1], x.shape[3])
    y = warped(x.detach(), image, down[:3], across[:3])
    if x.requires_grad:
        rows, columns = ((*axis[:2], axis[3]) for axis in (down, across))
        learned = warped(x, image, rows, columns)
        y = y + (learned - learned.detach())
    if regions.requires_grad:
        moved = []
        for axis, (low, high, weights, _, share, _) in ((1, down), (0, across)):
            start, end = (regions[:, axis + i, None] * scale for i in (1, 3))
            start, end = start - start.detach(), end - end.detach()
            move = start * (1 - share) + end * share
            pair = torch.stack([weights[0] - move, weights[1] + move])
            moved.append((low, high, pair))
        inside = down[5][:, None, :, None] & across[5][:, None, None]
        shifted = warped(x.detach(), image, *moved)
        y = y + torch.where(inside, shifted - shifted.detach(), 0)
    return y


def warped_axis(
    start: torch.Tensor,
    end: torch.Tensor,
    places: int,
    length: int,
) -> tuple[torch.Tensor, ...]:
    """Where the places of regions lie along an axis, each (k, places) or pairs of such.

    The two indices around each, their weights and those that take a gradient, the share of the
    region's end in a place's move, and whether it has one.
    """
    step = torch.arange(places, device=start.device).to(start)
    start, end = start[:, None], end[:, None]
    at = start + step * ((end - start).clamp(min=0) / places)
    holds = (at >= -0.5) & (at <= length - 0.5)
    at = at.clamp(0, length - 1)
    low = at.long()
    high = (low + 1).clamp(max=length - 1)
    weights = torch.stack([1 - (at - low), at - low]) * holds
    side = (end - start + 1).clamp(min=1)
    index = torch.stack([low, high]).to(start)
    first = ((index - start - 1) / (side / places) - 1).floor()
    behind = ((index - start + 1) / (side / places)).ceil()
    near = (step >= first) & (step < behind) & (index >= start) & (index <= end)
    share, inner = (at - start) / side, holds & (low < length - 1)
    return low, high, weights, weights * near, share, inner


def warped(
    x: torch.Tensor,
    image: torch.Tensor,
    down: tuple[torch.Tensor, ...],
    across: tuple[torch.Tensor, ...],
) -> torch.Tensor:
    """The weighed sum of the four values around each place, (k, c, a, b).

    ``down`` and ``across`` are the two indices around a place of an axis, and their weights.
    """
    image, total = image[:, None, None], x.new_zeros(())
    for row, v in zip(down[:2], down[2], strict=True):
        for column, w in zip(across[:2], across[2], strict=True):
            values = x[image, :, row[:, :, None], column[:, None]]
            total = total + values * (v[:, :, None] * w[:, None])[..., None]
    return total.permute(0, 3, 1, 2)
