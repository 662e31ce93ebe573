"""PSROIPooling: position-sensitive means of a feature map over regions, of the R-FCN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.boxes import round_half_away
from protonet.layers.regions import check_regions
from protonet.program import Builder, Expr, F, single, torch


@register("PSROIPooling")
class PSROIPooling(Layer):
    """Cut each region into bins and take the mean of each in a channel of its own.

    A map (n, output_dim * group_size², h, w) and regions (k, 5) of image, x1, y1, x2, y2, to
    (k, output_dim, group_size, group_size), 0 where a bin is empty. Regions take no gradient.
    Source: PSROIPoolingLayer of daijifeng001's caffe-rfcn.
    """

    param = "psroi_pooling_param"
    bottoms = (2, 2)
    kind = "pooling"
    examples = (
        Example(
            'layer { name: "l" type: "PSROIPooling" bottom: "x" bottom: "roi" top: "y" '
            "psroi_pooling_param { spatial_scale: 0.0625 output_dim: 2 group_size: 3 } }",
            {"x": (2, 18, 10, 12), "roi": (4, 5)},
            {"y": (4, 2, 3, 3)},
            "y = psroi_pool(x, roi, 2, 3, 0.0625)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, regions = bottoms
        check_regions(x, regions)
        outputs, group = self.p.output_dim, self.p.group_size
        for field in ("output_dim", "group_size", "spatial_scale"):
            if getattr(self.p, field) <= 0:
                raise LayerError(f"{field} must be positive", *[field] * self.has(field))
        if x[1] != outputs * group**2:
            what = f"{outputs} outputs in {group}x{group} bins takes {outputs * group**2} channels"
            raise LayerError(f"{what}, not {x[1]}", "bottom", 0)
        return ((regions[0], outputs, group, group),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(round_half_away)
        sizes = (self.p.output_dim, self.p.group_size)
        return b.call(psroi_pool, *bottoms, *sizes, single(self.p.spatial_scale))


def psroi_pool(
    x: torch.Tensor,
    regions: torch.Tensor,
    outputs: int,
    group: int,
    scale: float,
) -> torch.Tensor:
    """The means of each bin of each region, from the integral of the map."""
    regions = regions.detach().reshape(-1, 5)
    image = regions[:, 0].long()[:, None, None]
    low = round_half_away(regions[:, 1:3]) * scale
    high = (round_half_away(regions[:, 3:]) + 1) * scale
    step = ((high - low).clamp(min=0.1) / group)[..., None]
    bins = torch.arange(group, device=x.device)
    limit = torch.tensor([x.shape[3], x.shape[2]], device=x.device)[:, None]
    start = (bins * step + low[..., None]).floor().long().clamp(min=0)
    stop = ((bins + 1) * step + low[..., None]).ceil().long().clamp(min=0)
    start, stop = torch.minimum(start, limit), torch.minimum(stop, limit)
    integral = F.pad(x.double().cumsum(2).cumsum(3), (1, 0, 1, 0))
    integral = integral.reshape(x.shape[0], outputs, group, group, *integral.shape[2:])
    rows = (start[:, 1, :, None], stop[:, 1, :, None])
    columns = (start[:, 0, None], stop[:, 0, None])
    down = bins[:, None]
    at = [(image, slice(None), down, bins, y, z) for y in rows for z in columns]
    corners = [integral[where].permute(0, 3, 1, 2) for where in at]
    total = corners[3] - corners[2] - corners[1] + corners[0]
    size = (stop - start).clamp(min=0)
    area = size[:, 1, :, None] * size[:, 0, None]
    means = total / area.clamp(min=1)[:, None]
    return torch.where(area[:, None] > 0, means, 0).to(x.dtype)
