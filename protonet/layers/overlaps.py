"""Pairs of boxes by center and size: how they overlap, and which way that grows."""

from __future__ import annotations

import math

from protonet.program import torch


def box_overlap(a: torch.Tensor, b: torch.Tensor, kind: str = "iou") -> torch.Tensor:
    """How boxes (..., 4) overlap others, by IoU, GIoU, DIoU or CIoU.

    Source: box_iou, box_giou, box_diou and box_ciou of eric612's MobileNet-YOLO, whose DIoU takes
    the distance to the power of 0.6.
    """
    high = torch.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
    low = torch.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)
    shared = (high - low).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - shared
    iou = shared / union
    if kind == "iou":
        return iou
    high = torch.maximum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
    low = torch.minimum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)
    if kind == "giou":
        area = (high - low).prod(-1)
        return iou - (area - union) / area
    apart = (a[..., :2] - b[..., :2]).square().sum(-1) / (high - low).square().sum(-1)
    if kind == "diou":
        return iou - apart**0.6
    turn = (b[..., 2] / b[..., 3]).atan() - (a[..., 2] / a[..., 3]).atan()
    off = 4 / math.pi**2 * turn.square()
    return iou - apart - off * off / (1 - iou + off + 1e-6)


def overlap_slope(a: torch.Tensor, b: torch.Tensor, kind: str = "iou") -> torch.Tensor:
    """Which way boxes (n, 4) overlap others more, by center and size.

    It is not the gradient to the letter: that of the size is twice it, and boxes that lie apart
    have the terms of GIoU, DIoU and CIoU alone. Source: dx_box_iou of eric612's MobileNet-YOLO.
    """
    size, low, high = a[:, 2:], a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2
    low_b, high_b = b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    inner = torch.minimum(high, high_b) - torch.maximum(low, low_b)
    outer = torch.maximum(high, high_b) - torch.minimum(low, low_b)
    # Which edges are the outer ones.
    lies = torch.stack([low < low_b, high > high_b]).to(a)
    shared = inner.prod(1, True)
    union = size.prod(1, True) + b[:, 2:].prod(1, True) - shared
    # What an edge, (low or high, n, axis), adds to an area is as long as the other side.
    within = torch.stack([low > low_b, high < high_b])
    within = within * torch.stack([-inner, inner]).flip(2)
    grows = torch.stack([-size, size]).flip(2) - within
    slope = torch.where(union > 0, (union * within - shared * grows) / union**2, 0)
    far = (inner <= 0).any(1, True)
    if kind == "giou":
        whole = outer.prod(1, True)
        widens = lies * torch.stack([-outer, outer]).flip(2)
        more = (whole * grows - union * widens) / whole**2
        slope = torch.where(far, more, slope + more)
    moved, scaled = slope[0] + slope[1], slope[1] - slope[0]
    if kind in ("diou", "ciou"):
        nearer, larger = distance_slope(a, b, outer, lies)
        if kind == "ciou":
            turn = ((b[:, 2] / b[:, 3]).atan() - (a[:, 2] / a[:, 3]).atan())[:, None]
            off = 4 / math.pi**2 * turn.square()
            weight = off / (1 - shared / union + off + 1e-6)
            taller = size.flip(1) * size.new_tensor([1, -1])
            larger = larger + weight * 8 / math.pi**2 * turn * taller
        moved = torch.where(far, nearer, moved + nearer)
        scaled = torch.where(far, larger, scaled + larger)
    return torch.cat([moved, scaled], 1)


def distance_slope(
    a: torch.Tensor,
    b: torch.Tensor,
    outer: torch.Tensor,
    lies: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which way centers, and sizes, lessen the distance over the hull's diagonal, squared.

    ``outer`` are the sides of the hull, ``lies`` which of its edges are those of ``a``.
    """
    way, across = b[:, :2] - a[:, :2], outer.square().sum(1, True)
    apart = way.square().sum(1, True)
    nearer = 2 * outer * (lies[1] - lies[0]) * apart / across**2
    larger = outer * (lies[1] + lies[0]) * apart / across**2
    return 2 * way / across - nearer, larger
