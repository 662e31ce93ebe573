"""ROIPooling: the maxima of a feature map over regions, of the Fast R-CNN fork."""

from __future__ import annotations

from typing import ClassVar

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.boxes import round_half_away
from protonet.layers.regions import check_regions
from protonet.program import Builder, Expr, F, single, torch


@register("ROIPooling")
class ROIPooling(Layer):
    """Cut each region into bins and take the maximum of each, 0 where it is empty.

    A map (n, c, h, w) and regions (k, 5) of image, x1, y1, x2, y2, to (k, c, pooled_h, pooled_w).
    The gradient goes to the first maximum; regions take none. pad_ratio, of MS-CNN's fork, widens
    the regions. Source: ROIPoolingLayer of rbgirshick's caffe-fast-rcnn and of mscnn.
    """

    param = "roi_pooling_param"
    bottoms = (2, 2)
    kind = "pooling"
    examples = (
        Example(
            'layer { name: "l" type: "ROIPooling" bottom: "x" bottom: "roi" top: "y" '
            "roi_pooling_param { pooled_h: 7 pooled_w: 7 spatial_scale: 0.0625 } }",
            {"x": (2, 8, 10, 12), "roi": (3, 5)},
            {"y": (3, 8, 7, 7)},
            "y = roi_pool(x, roi, (7, 7), 0.0625)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, regions = bottoms
        check_regions(x, regions)
        for field in ("pooled_h", "pooled_w"):
            if not getattr(self.p, field):
                raise LayerError(f"{field} must be positive", *[field] * self.has(field))
        return ((regions[0], x[1], self.p.pooled_h, self.p.pooled_w),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (round_half_away, bin_edges):
            b.helper(helper)
        return b.call(
            roi_pool,
            *bottoms,
            (self.p.pooled_h, self.p.pooled_w),
            single(self.p.spatial_scale),
            pad_ratio=single(self.p.pad_ratio),
        )


@register("ROIMaskPooling")
class ROIMaskPooling(Layer):
    """ROIPooling of regions scaled around their middles, or of half of them.

    A map (n, c, h, w) and regions (k, 5) of image, x1, y1, x2, y2, to (k, c, pooled_h, pooled_w);
    half_part 1 to 4 is the left, right, upper or lower half. Regions take no gradient.
    Source: ROIMaskPoolingLayer of craftGBD's caffe-GBD, as it is on a GPU.
    """

    param = "roi_mask_pooling_param"
    bottoms = (2, 2)
    kind = "pooling"
    refuses: ClassVar[dict[str, str]] = {
        "mask_scale": "a mask within a region is not supported",
        "spatial_shift": "a shift of regions is not supported",
    }
    examples = (
        Example(
            'layer { name: "l" type: "ROIMaskPooling" bottom: "x" bottom: "roi" top: "y" '
            "roi_mask_pooling_param { pooled_h: 7 pooled_w: 7 spatial_scale: 0.0625 "
            "roi_scale: 1.5 } }",
            {"x": (2, 8, 10, 12), "roi": (3, 5)},
            {"y": (3, 8, 7, 7)},
            "y = roi_pool(x, resized_regions(roi, 1.5), (7, 7), 0.0625)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, regions = bottoms
        check_regions(x, regions)
        self.check_positive("pooled_h", "pooled_w")
        return ((regions[0], x[1], self.p.pooled_h, self.p.pooled_w),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (round_half_away, bin_edges):
            b.helper(helper)
        x, regions = bottoms
        wide = b.call(
            resized_regions, regions, single(self.p.roi_scale), half=max(0, self.p.half_part)
        )
        size = (self.p.pooled_h, self.p.pooled_w)
        return b.call(roi_pool, x, wide, size, single(self.p.spatial_scale))


def resized_regions(regions: torch.Tensor, scale: float, half: int = 0) -> torch.Tensor:
    """Regions (k, 5) scaled around their middles, or half of them."""
    regions = regions.detach().reshape(-1, 5)
    middle = (regions[:, 1:3] + regions[:, 3:]) / 2
    reach = (regions[:, 3:] - regions[:, 1:3]) * scale / 2
    low, high = middle - reach, middle + reach
    if 1 <= half <= 4:
        axis = (half - 1) // 2
        (high if half % 2 else low)[:, axis] = middle[:, axis]
    return torch.cat([regions[:, :1], low, high], 1)


def roi_pool(
    x: torch.Tensor,
    regions: torch.Tensor,
    size: tuple[int, int],
    scale: float,
    pad_ratio: float = 0.0,
) -> torch.Tensor:
    """The maximum of each bin of each region, (regions, c, *size).

    A bin's maximum is that of four windows with sides of a power of two that cover it.
    """
    regions = regions.detach().reshape(-1, 5)
    image, corner, other = regions[:, 0].long(), regions[:, 1:3], regions[:, 3:]
    pad = (other - corner + 1) * pad_ratio
    low = round_half_away((corner - pad) * scale)
    high = round_half_away((other + pad) * scale)
    top, bottom = bin_edges(low[:, 1:], high[:, 1:], size[0], x.shape[2])
    left, right = bin_edges(low[:, :1], high[:, :1], size[1], x.shape[3])
    powers = 2 ** torch.arange(1, 16, device=x.device)
    tall = torch.bucketize(bottom - top, powers, right=True)
    broad = torch.bucketize(right - left, powers, right=True)
    filled = (bottom > top)[:, :, None] & (right > left)[:, None]
    place = image.new_zeros(len(regions), x.shape[1], *size)
    levels = torch.cartesian_prod(torch.unique(tall), torch.unique(broad))
    for a, b in levels.tolist():
        level = (tall == a)[:, :, None] & (broad == b)[:, None] & filled
        r, i, j = level.nonzero(as_tuple=True)
        if len(r) == 0:
            continue
        window = F.max_pool2d(x.detach(), (2**a, 2**b), 1, return_indices=True)
        rows = (top[r, i], bottom[r, i] - 2**a)
        columns = (left[r, j], right[r, j] - 2**b)
        at = [(image[r], slice(None), y, z) for y in rows for z in columns]
        value, index = (torch.stack([each[where] for where in at]) for each in window)
        first = torch.where(value == value.amax(0), index, x[0, 0].numel()).amin(0)
        place[r, :, i, j] = first
    channel = image[:, None] * x.shape[1] + torch.arange(x.shape[1], device=x.device)
    place = place + channel[:, :, None, None] * x[0, 0].numel()
    return torch.where(filled[:, None], x.reshape(-1)[place], 0)


def bin_edges(
    low: torch.Tensor,
    high: torch.Tensor,
    bins: int,
    limit: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the bins of each interval (n, 1) start and stop, inside 0 to limit: (n, bins)."""
    step = (high - low + 1).clamp(min=1) / bins
    index = torch.arange(bins, device=low.device).to(low.dtype)
    start, stop = (index * step).floor() + low, ((index + 1) * step).ceil() + low
    return start.clamp(0, limit).long(), stop.clamp(0, limit).long()
