"""ROIAlign: a feature map interpolated over regions, of the Cascade R-CNN fork and others."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.regions import check_regions
from protonet.layers.sampling import interpolated
from protonet.program import Builder, Expr, single, torch


@register("ROIAlign")
class ROIAlign(Layer):
    """Interpolate a map inside regions, without rounding them.

    A map (n, c, h, w) and regions (k, 5) of image, x1, y1, x2, y2. With roi_pooling_param to
    (k, c, pooled_h + 1, pooled_w + 1), the values at the corners of the bins, 0 outside the map;
    with roi_align_param to (k, c, pooled_h, pooled_w), the mean of sampling_ratio squared points in
    each bin, or of as many as it has pixels. Regions take no gradient. Source: ROIAlignLayer of
    zhaoweicai's cascade-rcnn; Detectron's RoIAlign for roi_align_param.
    """

    param = "roi_pooling_param"
    bottoms = (2, 2)
    kind = "pooling"
    examples = (
        Example(
            'layer { name: "l" type: "ROIAlign" bottom: "x" bottom: "roi" top: "y" '
            "roi_pooling_param { pooled_h: 7 pooled_w: 7 spatial_scale: 0.0625 } }",
            {"x": (2, 8, 10, 12), "roi": (3, 5)},
            {"y": (3, 8, 8, 8)},
            "y = roi_corners(x, roi, (7, 7), 0.0625)",
        ),
        Example(
            'layer { name: "l" type: "ROIAlign" bottom: "x" bottom: "roi" top: "y" '
            "roi_align_param { pooled_h: 7 pooled_w: 7 spatial_scale: 0.0625 sampling_ratio: 2 } }",
            {"x": (2, 8, 10, 12), "roi": (3, 5)},
            {"y": (3, 8, 7, 7)},
            "y = roi_align(x, roi, (7, 7), 0.0625, samples=2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, regions = bottoms
        check_regions(x, regions)
        averages = self.message.HasField("roi_align_param")
        p = self.message.roi_align_param if averages else self.p
        if not p.pooled_h or not p.pooled_w:
            raise LayerError("it takes a positive pooled_h and pooled_w")
        if averages and not p.HasField("sampling_ratio"):
            what = "roi_align_param means other things in other forks without a sampling_ratio"
            hint = "state it for the mean that Detectron takes; -1 is a point for each pixel"
            raise LayerError(what, "roi_align_param", hint=hint)
        more = 0 if averages else 1
        return ((regions[0], x[1], p.pooled_h + more, p.pooled_w + more),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(interpolated)
        if self.message.HasField("roi_align_param"):
            p = self.message.roi_align_param
            size, scale = (p.pooled_h, p.pooled_w), single(p.spatial_scale)
            samples = p.sampling_ratio if p.sampling_ratio > 0 else None
            return b.call(roi_align, *bottoms, size, scale, samples=samples)
        size, scale = (self.p.pooled_h, self.p.pooled_w), single(self.p.spatial_scale)
        return b.call(roi_corners, *bottoms, size, scale, pad_ratio=single(self.p.pad_ratio))


def roi_corners(
    x: torch.Tensor,
    regions: torch.Tensor,
    size: tuple[int, int],
    scale: float,
    pad_ratio: float = 0.0,
) -> torch.Tensor:
    """The map at the corners of the bins of each region."""
    regions = regions.detach().reshape(-1, 5)
    pad = (regions[:, 3:] - regions[:, 1:3] + 1) * pad_ratio
    low = (regions[:, 1:3] - pad) * scale - 0.5
    high = (regions[:, 3:] + pad) * scale - 0.5
    step = (high - low) / low.new_tensor([size[1], size[0]])
    across = torch.arange(size[1] + 1, device=x.device) * step[:, :1] + low[:, :1]
    down = torch.arange(size[0] + 1, device=x.device) * step[:, 1:] + low[:, 1:]
    inside = ((down >= -0.5) & (down <= x.shape[2] - 0.5))[:, :, None]
    inside = inside & ((across >= -0.5) & (across <= x.shape[3] - 0.5))[:, None]
    inside = inside & (high > low).all(1)[:, None, None]
    values = interpolated(x, regions[:, 0].long(), down, across)
    return torch.where(inside[:, None], values, 0)


def roi_align(
    x: torch.Tensor,
    regions: torch.Tensor,
    size: tuple[int, int],
    scale: float,
    samples: int | None = None,
) -> torch.Tensor:
    """The mean of points inside each bin of each region."""
    regions = regions.detach().reshape(-1, 5)
    low, high = regions[:, 1:3] * scale, regions[:, 3:] * scale
    step = (high - low).clamp(min=1) / low.new_tensor([size[1], size[0]])
    points = step.ceil() if samples is None else torch.full_like(step, samples)
    most = int(points.max()) if len(points) else 1
    tap = torch.arange(most, device=x.device)
    edges, weights = [], []
    for axis, bins in ((1, size[0]), (0, size[1])):
        number, pace, start = (t[:, axis, None, None] for t in (points, step, low))
        bin_start = start + torch.arange(bins, device=x.device)[:, None] * pace
        at = (bin_start + (tap + 0.5) * pace / number).flatten(1)
        counts = (tap < number).expand(-1, bins, -1).flatten(1)
        counts = counts & (at >= -1) & (at <= x.shape[3 - axis])
        edges.append(at)
        weights.append(counts.to(x.dtype) / number[:, 0])
    values = interpolated(x, regions[:, 0].long(), *edges)
    values = values * weights[0][:, None, :, None] * weights[1][:, None, None]
    cut = (*values.shape[:2], size[0], most, size[1], most)
    return values.reshape(cut).sum((3, 5))
