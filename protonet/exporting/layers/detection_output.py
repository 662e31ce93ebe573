"""DetectionOutput: the codes in plain operations, the choice by NonMaxSuppression."""

from __future__ import annotations

from typing import Any

import torch
from onnxscript import opset18 as op
from torch import Tensor

from protonet.exporting import suppression
from protonet.exporting.layers import Site, says
from protonet.exporting.operators import built, operator
from protonet.layers.base import LayerError
from protonet.program import single

_CORNER, _CORNER_SIZE = 1, 3


@says("DetectionOutput")
def detection_output(site: Site, offsets: Tensor, scores: Tensor, *more: Tensor) -> Tensor:
    """Boxes of every image and class, the best few of each, then the best of each image."""
    p = site.node.layer.p
    if p.nms_param.eta < 1:
        raise LayerError("eta below 1 has no like in ONNX", "nms_param", "eta")
    if site.runtime == "opencv4":
        return _of_opencv(site, offsets, scores, more[0])
    labels = [label for label in range(p.num_classes) if label != p.background_label_id]
    boxes = _boxes(p, offsets, more[0])
    n, count = boxes.shape[0], boxes.shape[1]
    scores = scores.reshape(n, count, -1)[:, :, labels].transpose(1, 2)
    top_k = p.nms_param.top_k if p.nms_param.HasField("top_k") else -1
    first = count if top_k < 0 else min(top_k, count)
    if boxes.shape[2] > 1:
        boxes = boxes[:, :, labels].transpose(1, 2)
    else:
        boxes = boxes.transpose(1, 2).expand(-1, len(labels), -1, -1)
    if first < count:
        scores, order = scores.topk(first, dim=2)
        boxes = boxes.gather(2, order[..., None].expand(-1, -1, -1, 4))
    boxes, scores = boxes.reshape(-1, first, 4), scores.reshape(-1, 1, first)
    return _best(site, boxes, scores, labels, offsets)


def _best(site: Site, boxes: Tensor, scores: Tensor, labels: list[int], offsets: Tensor) -> Tensor:
    """Rows of the boxes that no better one of their group suppresses, a group for each label."""
    p, first = site.node.layer.p, boxes.shape[1]
    threshold = single(p.confidence_threshold) if p.HasField("confidence_threshold") else None
    overlap = single(p.nms_param.nms_threshold)

    def build(boxes: Any, orderly: Any, scores: Any, given: Any) -> Any:
        rows = suppression.selected(orderly, scores, first, overlap, threshold)
        group, kinds = suppression.column(rows, 0), suppression.whole(len(labels))
        image, kind = op.Div(group, kinds), op.Mod(group, kinds)
        score = op.GatherND(scores, rows)
        at = op.Gather(rows, suppression.whole(0, 2), axis=1)
        label = op.Gather(suppression.whole(*labels), kind)
        parts = [suppression.as_column(part) for part in (image, label, score)]
        table = op.Concat(*parts, op.GatherND(boxes, at), axis=1)
        images = op.Shape(given, start=0, end=1)
        if p.keep_top_k < 0:
            return suppression.or_nothing(table, images)
        if offsets.shape[0] == 1:
            kept = suppression.best(score, p.keep_top_k)
        else:
            kept = suppression.best_of_each(image, score, images, p.keep_top_k)
        return suppression.or_nothing(op.Gather(table, kept), images)

    inputs = [boxes, suppression.orderly(boxes), scores, offsets]
    return built(build, inputs, [(1, 1, site.count, 7)])[0]


def _of_opencv(site: Site, *given: Tensor) -> Tensor:
    """OpenCV's own layer of that name, with Caffe's fields: OpenCV 4 knows no way to select boxes.

    No other runtime loads it.
    """
    p, suppression_ = site.node.layer.p, site.node.layer.p.nms_param
    codes = {1: "CORNER", 2: "CENTER_SIZE", 3: "CORNER_SIZE"}
    fields: dict[str, int | float | str] = {
        "num_classes": p.num_classes,
        "share_location": int(p.share_location),
        "background_label_id": p.background_label_id,
        "code_type": codes[p.code_type],
        "variance_encoded_in_target": int(p.variance_encoded_in_target),
        "keep_top_k": p.keep_top_k,
        "nms_threshold": single(suppression_.nms_threshold),
        "top_k": suppression_.top_k if suppression_.HasField("top_k") else -1,
    }
    if p.HasField("confidence_threshold"):
        fields["confidence_threshold"] = single(p.confidence_threshold)
    return operator("DetectionOutput", given, (1, 1, site.count, 7), **fields)


def _boxes(p: Any, offsets: Tensor, priors: Tensor) -> Tensor:
    """The boxes (n, priors, sets, 4) that the offsets mean, by SSD's three codes."""
    prior, variance = priors.reshape(2, -1, 1, 4).unbind(0)
    offsets = offsets.reshape(offsets.shape[0], prior.shape[0], -1, 4)
    if not p.variance_encoded_in_target:
        offsets = offsets * variance
    if p.code_type == _CORNER:
        return prior + offsets
    size = prior[..., 2:] - prior[..., :2]
    if p.code_type == _CORNER_SIZE:
        return prior + offsets * torch.cat([size, size], -1)
    center = (prior[..., :2] + prior[..., 2:]) / 2 + offsets[..., :2] * size
    half = offsets[..., 2:].exp() * size / 2
    return torch.cat([center - half, center + half], -1)
