"""The labels of anchors, as py-faster-rcnn and those that followed it take them."""

from __future__ import annotations

from protonet.layers.boxes import box_deltas, box_iou, shifted_anchors
from protonet.program import F, torch


def anchor_targets(
    scores: torch.Tensor,
    truth: torch.Tensor,
    sizes: torch.Tensor,
    anchors: list[tuple[float, ...]],
    stride: int,
    border: float = 0,
    overlaps: tuple[float, float] = (0.3, 0.7),
    sample: int = 256,
    positives: int = 128,
    clobbers: bool = False,
    inside: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0),
    part: float | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Labels, targets, inside and outside weights of the anchors at every place.

    Objects weigh a ``part`` of the loss and the others the rest, or each that counts the same.
    """
    boxes, truth = shifted_anchors(anchors, stride, scores), truth.reshape(-1, 5)
    fits = (boxes[:, :2] >= -border).all(1)
    fits &= (boxes[:, 2:] < sizes.flatten()[[1, 0]] + border).all(1)
    overlap = box_iou(boxes[fits], truth[:, :4], pixels=True)
    label = anchor_labels(overlap, overlaps, clobbers)
    thin_out(label, 1, positives)
    thin_out(label, 0, sample - int((label == 1).sum()))
    labels = torch.full_like(boxes[:, 0], -1)
    labels[fits] = label.to(labels)
    targets = torch.zeros_like(boxes)
    targets[fits] = box_deltas(boxes[fits], truth[overlap.argmax(1), :4])
    objects, others = (labels == 1)[:, None], (labels == 0)[:, None]
    weights = objects.to(boxes) * boxes.new_tensor(inside)
    outside = (objects | others) / (objects | others).sum().clamp(min=1)
    if part is not None:
        outside = objects * part / objects.sum() + others * (1 - part) / others.sum()
    outside = outside.nan_to_num(0).to(boxes).expand_as(boxes)
    height, width = scores.shape[2:]
    tops = (labels, targets, weights, outside)
    a, b, c, d = (t.reshape(1, height, width, -1).permute(0, 3, 1, 2) for t in tops)
    return a.reshape(1, 1, -1, width), b, c, d


def anchor_labels(
    overlap: torch.Tensor,
    overlaps: tuple[float, float],
    clobbers: bool,
) -> torch.Tensor:
    """What anchors are by their overlaps (n, m) with true boxes: 1, 0, or -1 for neither.

    Where it ``clobbers``, what overlaps too little is background though none overlaps more.
    """
    best = overlap.max(1)[0]
    best_of_truth = F.pad(overlap, (0, 0, 0, 1)).amax(0)
    label = torch.where(best < overlaps[0], 0.0, -1.0)
    label[(overlap == best_of_truth).any(1) | (best >= overlaps[1])] = 1
    if clobbers:
        label[best < overlaps[0]] = 0
    return label


def thin_out(labels: torch.Tensor, label: int, most: int) -> None:
    """Make all but so many of one label, at random, -1."""
    chosen = (labels == label).nonzero()[:, 0]
    order = torch.randperm(len(chosen), device=labels.device)
    labels[chosen[order[max(0, most) :]]] = -1
