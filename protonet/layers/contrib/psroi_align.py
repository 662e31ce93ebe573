"""PSROIAlign: position-sensitive means of interpolated points, of R-FCN-PSROIAlign."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.regions import check_regions
from protonet.program import Builder, Expr, single, torch


@register("PSROIAlign")
class PSROIAlign(Layer):
    """Cut each region into bins; the mean of points in each, in a channel of its own.

    A map (n, output_dim * group_size^2, h, w) and regions (k, 5) of image, x1, y1, x2, y2, to
    (k, output_dim, group_size, group_size). A bin has sample_num^2 points, of which those outside
    of the map count as 0. Regions take no gradient. Source: PSROIAlignLayer of afantideng's
    R-FCN-PSROIAlign.
    """

    param = "psroi_align_param"
    bottoms = (2, 2)
    constants = (1,)
    kind = "pooling"
    examples = (
        Example(
            'layer { name: "l" type: "PSROIAlign" bottom: "x" bottom: "roi" top: "y" '
            "psroi_align_param { spatial_scale: 0.0625 output_dim: 2 group_size: 3 } }",
            {"x": (2, 18, 10, 12), "roi": (4, 5)},
            {"y": (4, 2, 3, 3)},
            "y = psroi_align(x, roi, 2, 3, 0.0625)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, regions = bottoms
        check_regions(x, regions)
        outputs, group = self.p.output_dim, self.p.group_size
        for field in ("output_dim", "group_size", "sample_num", "spatial_scale"):
            if getattr(self.p, field) <= 0:
                raise LayerError(f"{field} must be positive", *[field] * self.has(field))
        if x[1] != outputs * group**2:
            what = f"{outputs} outputs in {group}x{group} bins takes {outputs * group**2} channels"
            raise LayerError(f"{what}, not {x[1]}", "bottom", 0)
        return ((regions[0], outputs, group, group),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        sizes = (self.p.output_dim, self.p.group_size)
        scale = single(self.p.spatial_scale)
        return b.call(psroi_align, *bottoms, *sizes, scale, samples=self.p.sample_num)


def psroi_align(
    x: torch.Tensor,
    regions: torch.Tensor,
    outputs: int,
    group: int,
    scale: float,
    samples: int = 2,
) -> torch.Tensor:
    """The mean of the points of each bin of each region, each bin in its own channels."""
    regions = regions.detach().reshape(-1, 5)
    low, high = regions[:, 1:3] * scale, (regions[:, 3:] + 1) * scale
    step = ((high - low).clamp(min=0.1) / group)[..., None]
    bins = torch.arange(group, device=x.device)
    limit = torch.tensor([x.shape[3] - 1, x.shape[2] - 1], device=x.device)[:, None]
    start = torch.minimum((bins * step + low[..., None]).clamp(min=0), limit)
    stop = torch.minimum(((bins + 1) * step + low[..., None]).clamp(min=0), limit)
    tap = torch.arange(1, samples + 1, device=x.device)
    at = start[..., None] + tap * (step / (samples + 1))[..., None]
    inside = at < stop[..., None]
    floor = torch.minimum(at.floor(), limit[..., None])
    near, part = floor.long(), at - floor
    far = torch.minimum(near + 1, limit[..., None])
    maps = x.reshape(x.shape[0], outputs, group, group, *x.shape[2:])
    image = regions[:, 0].long()[:, None, None, None, None]
    down, across = bins[:, None, None, None], bins[:, None]
    total = x.new_zeros(())
    for y, high_part in ((near, 1 - part), (far, part)):
        for z, wide_part in ((near, 1 - part), (far, part)):
            rows, columns = y[:, 1, :, :, None, None], z[:, 0, None, None]
            values = maps[image, :, down, across, rows, columns]
            weight = (high_part * inside)[:, 1, :, :, None, None]
            weight = weight * (wide_part * inside)[:, 0, None, None]
            total = total + (values * weight[..., None]).sum((2, 4))
    return total.permute(0, 3, 1, 2) / samples**2
