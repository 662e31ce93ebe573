"""ROIAlign of Detectron's kind as ONNX's RoiAlign."""

from __future__ import annotations

import torch
from torch import Tensor

from protonet.exporting.layers import Site, says
from protonet.exporting.operators import operator
from protonet.graph import Node
from protonet.program import single


def _averages(node: Node) -> bool:
    return bool(node.layer.message.HasField("roi_align_param"))


@says("ROIAlign", when=_averages)
def roi_align(site: Site, x: Tensor, regions: Tensor) -> Tensor:
    """The mean of points in each bin; as many as it has pixels where no number is stated."""
    p = site.node.layer.message.roi_align_param
    rows = regions.reshape(-1, 5)
    shape = (regions.shape[0], x.shape[1], p.pooled_h, p.pooled_w)
    return operator(
        "RoiAlign",
        (x, rows[:, 1:], rows[:, 0].to(torch.int64)),
        shape,
        mode="avg",
        coordinate_transformation_mode="output_half_pixel",
        output_height=p.pooled_h,
        output_width=p.pooled_w,
        sampling_ratio=max(0, p.sampling_ratio),
        spatial_scale=single(p.spatial_scale),
    )
