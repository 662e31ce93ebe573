"""Proposal, and py-faster-rcnn's: anchors in plain operations, the choice by NonMaxSuppression."""

from __future__ import annotations

from typing import Any

import torch
from onnxscript import opset18 as op
from torch import Tensor

from protonet.exporting import suppression
from protonet.exporting.layers import Site, says
from protonet.exporting.operators import built
from protonet.layers.contrib.proposal import Proposal
from protonet.layers.contrib.rpn_proposal import RpnProposal
from protonet.program import single

_LOWEST = -3e38  # above it is every score but that of a box that does not count


@says("Proposal")
def proposal(site: Site, scores: Tensor, deltas: Tensor, size: Tensor) -> tuple[Tensor, ...]:
    """A box that is too small counts as of score 0. All images have the first one's size."""
    layer = site.node.layer
    assert isinstance(layer, Proposal)
    p, anchors = layer.p, layer.anchors()
    score, boxes = _moved(scores, deltas, anchors, p.feat_stride)
    high, wide, down, right = (size[0, i] for i in range(4))
    boxes = torch.minimum(boxes, torch.stack([wide, high, wide, high]) - 1).clamp(min=0)
    large = _large(boxes, torch.stack([right, down]) * p.min_size)
    overlap = single(p.nms_thresh)
    return _best(site, score * large, boxes, p.pre_nms_topn, p.post_nms_topn, overlap, (1,))


@says("rpn.proposal_layer.ProposalLayer")
def rpn_proposal(site: Site, scores: Tensor, deltas: Tensor, sizes: Tensor) -> tuple[Tensor, ...]:
    """A box that is too small is none. Every image has a size of its own."""
    layer = site.node.layer
    assert isinstance(layer, RpnProposal)
    score, boxes = _moved(scores, deltas, layer.anchors(), layer.options()["feat_stride"])
    high, wide, scale = (sizes[:, i, None] for i in range(3))
    limits = torch.stack([wide, high, wide, high], 2) - 1
    boxes = torch.minimum(boxes.clamp(min=0), limits)
    large = _large(boxes, 16.0 * scale[..., None])
    score = torch.where(large, score, float("-inf"))
    before, most = (12000, 2000) if layer.phase == "TRAIN" else (6000, 300)
    return _best(site, score, boxes, before, most, 0.7, (1, 1))


def _moved(scores: Tensor, deltas: Tensor, anchors: Any, stride: int) -> tuple[Tensor, Tensor]:
    """The scores (n, boxes) and the boxes (n, boxes, 4) in pixels."""
    n = scores.shape[0]
    score = scores[:, len(anchors) :].permute(0, 2, 3, 1).reshape(n, -1)
    delta = deltas.permute(0, 2, 3, 1).reshape(n, -1, 4)
    return score, suppression.apply_deltas(
        suppression.shifted_anchors(anchors, stride, scores), delta
    )


def _large(boxes: Tensor, least: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2] + 1 >= least).all(-1)


def _best(
    site: Site,
    score: Tensor,
    boxes: Tensor,
    before: int,
    most: int,
    overlap: float,
    rank: tuple[int, ...],
) -> tuple[Tensor, ...]:
    """Regions (found, 5), and their scores where the layer gives them."""
    first = min(before, score.shape[1])
    score, order = score.topk(first, dim=1)
    boxes = boxes.gather(1, order[..., None].expand(-1, -1, 4))
    tops = len(site.node.outputs)

    def build(boxes: Any, longer: Any, score: Any) -> Any:
        scores = op.Unsqueeze(score, suppression.whole(1))
        rows = suppression.selected(longer, scores, most, overlap, _LOWEST)
        at = op.Gather(rows, suppression.whole(0, 2), axis=1)
        image = suppression.as_column(suppression.column(rows, 0))
        regions = op.Concat(image, op.GatherND(boxes, at), axis=1)
        if tops == 1:
            return regions
        found = op.GatherND(score, at)
        return regions, found if len(rank) == 1 else op.Unsqueeze(found, suppression.whole(1))

    longer = boxes + torch.tensor([0.0, 0.0, 1.0, 1.0])  # a side has its last pixel, too
    shapes = [(site.count, 5), (site.count, *[1] * (len(rank) - 1))][:tops]
    return built(build, [boxes, suppression.orderly(longer), score], shapes)
