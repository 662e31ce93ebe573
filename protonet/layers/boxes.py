"""Boxes as the detection layers share them: overlaps, suppression, codes, anchors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from protonet.program import torch

CODES = {1: "corner", 2: "center_size", 3: "corner_size"}


def box_iou(a: torch.Tensor, b: torch.Tensor, pixels: bool = False) -> torch.Tensor:
    """Intersection over union of each of (n, 4) boxes with each of (m, 4): (n, m).

    Corners that are ``pixels`` are a part of their boxes.
    """
    low = torch.maximum(a[:, None, :2], b[:, :2])
    high = torch.minimum(a[:, None, 2:], b[:, 2:])
    sides = [high - low, a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]]
    if pixels:
        sides = [side + 1 for side in sides]
    shared, first, second = (side.clamp(min=0).prod(-1) for side in sides)
    union = first[:, None] + second - shared
    return torch.where(shared > 0, shared / union, 0)


def nms(
    boxes: torch.Tensor,
    threshold: float,
    eta: float = 1.0,
    pixels: bool = False,
    most: int | None = None,
) -> torch.Tensor:
    """The places of the boxes to keep, of (n, 4) boxes in the order of falling scores.

    A box goes where it overlaps a kept one by more than the threshold, which shrinks by
    ``eta`` with every kept box while it is above a half.
    """
    kept = torch.arange(0, device=boxes.device)
    step = 1024 if eta == 1 else 1
    for start in range(0, len(boxes), step):
        if most is not None and len(kept) >= most:
            break
        block = boxes[start : start + step]
        free = ~(box_iou(boxes[kept], block, pixels) > threshold).any(0)
        covers = (box_iou(block, block, pixels) > threshold).triu(1)
        stays, before = free, ~free
        while not torch.equal(stays, before):
            before = stays
            stays = free & ~(covers & stays[:, None]).any(0)
        kept = torch.cat([kept, start + stays.nonzero()[:, 0]])
        if eta < 1 and threshold > 0.5 and stays.any():
            threshold *= eta
    return kept[:most]


def best_boxes(rows: torch.Tensor, threshold: float, images: int) -> torch.Tensor:
    """The rows of label, score and corners that no better one suppresses, (1, 1, n, 7).

    All are of image 0; where there is none, a row of -1 for each image.
    """
    rows = rows[rows[:, 1].argsort(descending=True, stable=True)]
    kept = rows[nms(rows[:, 2:], threshold)]
    image = kept.new_zeros(len(kept), 1)
    if len(kept) == 0:
        kept = rows.new_full((images, 6), -1)
        image = torch.arange(images, device=rows.device)[:, None].to(rows)
    return torch.cat([image, kept], 1)[None, None]


def clipped_boxes(boxes: torch.Tensor) -> torch.Tensor:
    """The corners (n, 4) of boxes by center and size, those off the image brought to its edge."""
    low, high = boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2
    return torch.cat([low.clamp(min=0), high.clamp(max=1)], 1)


def match_boxes(
    boxes: torch.Tensor,
    truth: torch.Tensor,
    per_prediction: bool,
    threshold: float,
    inside_only: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The true box of each box, -1 for none and -2 for one not to be used, and their overlap.

    Each true box takes its best box, the greatest overlap first. With ``per_prediction`` each box
    left then takes the true box that it overlaps most, if by the threshold.
    """
    overlaps = box_iou(boxes, truth)
    overlaps = torch.where(overlaps > 1e-6, overlaps, 0)
    match = torch.full_like(overlaps[:, 0], -1, dtype=torch.long)
    if inside_only:
        crossing = ((boxes < 0) | (boxes > 1)).any(1)
        match[crossing], overlaps[crossing] = -2, 0
    best, nearest = overlaps.max(1)
    free = overlaps.clone()
    for _ in range(len(truth)):
        i, j = divmod(int(free.argmax()), len(truth))
        if free[i, j] <= 0:
            break
        match[i], best[i] = j, free[i, j]
        free[i], free[:, j] = 0, 0
    if per_prediction:
        takes = (match == -1) & (best >= threshold) & (best > 0)
        match = torch.where(takes, nearest, match)
    return match, best


def decode_boxes(
    priors: torch.Tensor,
    variances: torch.Tensor,
    offsets: torch.Tensor,
    code: str,
) -> torch.Tensor:
    """The boxes (..., 4) that offsets from prior boxes mean.

    The ``code`` is one of SSD's three.
    """
    offsets = offsets * variances
    if code == "corner":
        return priors + offsets
    size = priors[..., 2:] - priors[..., :2]
    if code == "corner_size":
        return priors + offsets * torch.cat([size, size], -1)
    center = (priors[..., :2] + priors[..., 2:]) / 2 + offsets[..., :2] * size
    half = offsets[..., 2:].exp() * size / 2
    return torch.cat([center - half, center + half], -1)


def encode_boxes(
    priors: torch.Tensor,
    variances: torch.Tensor,
    boxes: torch.Tensor,
    code: str,
) -> torch.Tensor:
    """The offsets (..., 4) from prior boxes that mean these boxes.

    The ``code`` is one of SSD's three.
    """
    if code == "corner":
        return (boxes - priors) / variances
    size = priors[..., 2:] - priors[..., :2]
    if code == "corner_size":
        return (boxes - priors) / torch.cat([size, size], -1) / variances
    moved = (boxes[..., :2] + boxes[..., 2:] - priors[..., :2] - priors[..., 2:]) / 2
    scaled = (boxes[..., 2:] - boxes[..., :2]) / size
    return torch.cat([moved / size, scaled.log()], -1) / variances


def apply_deltas(boxes: torch.Tensor, deltas: torch.Tensor) -> torch.Tensor:
    """Boxes (n, 4) in pixels, moved and scaled as R-CNN's bbox_transform_inv does."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    center = boxes[:, :2] + size / 2 + deltas[:, :2] * size
    half = deltas[:, 2:].exp() * size / 2
    return torch.cat([center - half, center + half], 1)


def box_deltas(boxes: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """How boxes (n, 4) in pixels move and scale to targets, as R-CNN's bbox_transform."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    wanted = targets[:, 2:] - targets[:, :2] + 1
    moved = targets[:, :2] + wanted / 2 - boxes[:, :2] - size / 2
    return torch.cat([moved / size, (wanted / size).log()], 1)


def shifted_anchors(
    anchors: list[tuple[float, ...]],
    stride: int,
    like: torch.Tensor,
) -> torch.Tensor:
    """The anchors at every place of a map (n, c, h, w), (h * w * anchors, 4) in pixels."""
    height, width = like.shape[2:]
    y = torch.arange(height, device=like.device) * stride
    x = torch.arange(width, device=like.device) * stride
    y, x = torch.meshgrid(y, x, indexing="ij")
    shift = torch.stack([x, y, x, y], 2).reshape(-1, 1, 4)
    return (shift + like.new_tensor(anchors)).reshape(-1, 4)


def round_half_away(x: torch.Tensor) -> torch.Tensor:
    """The nearest whole numbers, halves away from zero as C's round takes them."""
    whole = x.abs().floor()
    return x.sign() * (whole + (x.abs() - whole >= 0.5))


def anchor_boxes(
    scales: Sequence[float], ratios: Sequence[float] = (0.5, 1, 2), base: int = 16
) -> list[tuple[float, ...]]:
    """The anchors around a square of ``base`` pixels, for every ratio and scale.

    Source: py-faster-rcnn, generate_anchors.
    """
    center = (base - 1) / 2
    boxes: list[tuple[float, ...]] = []
    for ratio in ratios:
        width = round(math.sqrt(base * base / ratio))
        height = round(width * ratio)
        for scale in scales:
            x, y = (width * scale - 1) / 2, (height * scale - 1) / 2
            boxes.append((center - x, center - y, center + x, center + y))
    return boxes
