"""ROIPooling as ONNX's MaxRoiPool."""

from __future__ import annotations

import torch
from torch import Tensor

from protonet.exporting.layers import Site, says
from protonet.exporting.operators import operator
from protonet.program import single


@says("ROIPooling")
def roi_pooling(site: Site, x: Tensor, regions: Tensor) -> Tensor:
    """Both round the regions to the map's pixels; MS-CNN's margin is added to them before."""
    p = site.node.layer.p
    rows = regions.reshape(-1, 5)
    if p.pad_ratio:
        corner, other = rows[:, 1:3], rows[:, 3:]
        pad = (other - corner + 1) * single(p.pad_ratio)
        rows = torch.cat([rows[:, :1], corner - pad, other + pad], 1)
    size = [p.pooled_h, p.pooled_w]
    shape = (regions.shape[0], x.shape[1], *size)
    scale = single(p.spatial_scale)
    return operator("MaxRoiPool", (x, rows), shape, pooled_shape=size, spatial_scale=scale)
