"""The boxes of YOLOv2 and v3: maps decoded in plain operations, the choice by NonMaxSuppression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from onnxscript import opset18 as op
from torch import Tensor

from protonet.exporting import suppression
from protonet.exporting.layers import Site, says
from protonet.exporting.operators import built
from protonet.layers.contrib.yolov3_detection_output import Yolov3DetectionOutput
from protonet.program import single

_LOWEST = -3e38  # above it is every score but that of a box that does not count
_NONE = float("-inf")


@says("YoloDetectionOutput")
def yolo_detection_output(site: Site, *maps: Tensor) -> Tensor:
    """Each box with its best class; one of just the threshold counts."""
    p = site.node.layer.p
    pairs = [(p.biases[2 * i], p.biases[2 * i + 1]) for i in range(p.num_box)]
    boxes, scores, labels = [], [], []
    for each in maps:
        x = _cells(each, p)
        boxes.append(_boxes(x, pairs, 1))
        score, label = x[..., 5:].softmax(4).max(4)
        scores.append((score * x[..., 4].sigmoid()).reshape(-1))
        labels.append((label + 1).reshape(-1))
    score = torch.cat(scores)
    score = torch.where(score >= single(p.confidence_threshold), score, _NONE)
    limit = single(p.nms_threshold)
    return _best(site, torch.cat(boxes), score, torch.cat(labels), (maps[0], limit))


@says("Yolov3DetectionOutput")
def yolov3_detection_output(site: Site, *maps: Tensor) -> Tensor:
    """Each box once for every class above the threshold."""
    layer = site.node.layer
    assert isinstance(layer, Yolov3DetectionOutput)
    p = layer.p
    step, classes = len(p.mask) // len(maps), p.num_classes
    boxes, scores = [], []
    for index, each in enumerate(maps):
        mask = p.mask[index * step : index * step + p.num_box]
        pairs = [(p.biases[2 * i], p.biases[2 * i + 1]) for i in mask]
        x = _cells(each, p)
        boxes.append(_boxes(x, pairs, p.anchors_scale[index]))
        scores.append((x[..., 5:].sigmoid() * x[..., 4:5].sigmoid()).reshape(-1))
    score, box = torch.cat(scores), torch.cat(boxes)
    score = torch.where(score > single(p.confidence_threshold), score, _NONE)
    labels = (torch.arange(classes) + 1).expand(box.shape[0], -1).reshape(-1)
    box = box[:, None].expand(-1, classes, -1).reshape(-1, 4)
    return _best(site, box, score, labels, (maps[0], layer.nms_threshold()))


def _cells(x: Tensor, p: Any) -> Tensor:
    """A map as (n, h, w, boxes, 5 + classes)."""
    n, _, height, width = x.shape
    return x.reshape(n, p.num_box, 5 + p.num_classes, height, width).permute(0, 3, 4, 1, 2)


def _boxes(x: Tensor, pairs: Sequence[tuple[float, float]], stride: int) -> Tensor:
    """The corners (boxes, 4), as parts of the image."""
    height, width = x.shape[1:3]
    y, z = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    side = torch.tensor([float(width), float(height)])
    center = (x[..., :2].sigmoid() + torch.stack([z, y], 2)[:, :, None]) / side
    half = x[..., 2:4].exp() * torch.tensor([[single(a), single(b)] for a, b in pairs])
    half = half / (side * stride) / 2
    return torch.cat([center - half, center + half], 4).reshape(-1, 4)


def _best(
    site: Site, boxes: Tensor, score: Tensor, label: Tensor, by: tuple[Tensor, float]
) -> Tensor:
    """Rows of 0, label, score and corners of the boxes that no better one suppresses.

    ``by`` are a map, which says how many images there are, and the overlap that suppresses.
    """
    (given, overlap), most = by, 2**31 - 1

    def build(boxes: Any, orderly: Any, score: Any, label: Any, given: Any) -> Any:
        orderly = op.Unsqueeze(orderly, suppression.whole(0))
        scores = op.Unsqueeze(score, suppression.whole(0, 1))
        rows = suppression.selected(orderly, scores, most, overlap, _LOWEST)
        box = suppression.column(rows, 2)
        image = suppression.column(rows, 0)
        numbers = (image, op.Gather(label, box), op.Gather(score, box))
        parts = [suppression.as_column(part) for part in numbers]
        table = op.Concat(*parts, op.Gather(boxes, box), axis=1)
        return suppression.or_nothing(table, op.Shape(given, start=0, end=1))

    inputs = [boxes, suppression.orderly(boxes), score, label, given]
    return built(build, inputs, [(1, 1, site.count, 7)])[0]
