"""DetectionAccuracy: how right a map of scores and boxes is, of the MS-CNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.regions import (
    bounds_of,
    check_map,
    field_boxes,
    field_grid,
    share_of,
    spread_of,
)
from protonet.program import Builder, Expr, single, torch


@register("DetectionAccuracy")
class DetectionAccuracy(Layer):
    """The share of places, and of objects, whose class is among the best, and the boxes' overlap.

    A map (n, cls_num + 4, h, w) and its truth (n, 6, h, w) as DetectionLoss takes them, to
    (1, 1, 1, 2), the shares, and (1, 1, 1, 1), the mean overlap of the objects' boxes; -1 where
    there is nothing to count. No gradient. Source: DetectionAccuracyLayer of zhaoweicai's mscnn.
    """

    param = "detection_accuracy_param"
    bottoms = (2, 2)
    tops = (1, 2)
    keeps = ()
    kind = "metric"
    examples = (
        Example(
            'layer { name: "l" type: "DetectionAccuracy" bottom: "x" bottom: "truth" top: "y" '
            "detection_accuracy_param { cls_num: 2 field_w: 60 field_h: 40 downsample_rate: 8 } }",
            {"x": (2, 6, 4, 5), "truth": (2, 6, 4, 5)},
            {"y": (1, 1, 1, 2)},
            "y = field_accuracy(",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_map(self, *bottoms)
        bounds_of(self.p)
        if not 0 < self.p.top_k <= self.p.cls_num:
            raise LayerError(f"top_k is 1 to {self.p.cls_num}, not {self.p.top_k}", "top_k")
        return ((1, 1, 1, 2), (1, 1, 1, 1))[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        for helper in (field_grid, field_boxes, share_of):
            b.helper(helper)
        p, loss = self.p, self.message.loss_param
        found = b.call(
            field_accuracy,
            *bottoms,
            (p.field_w, p.field_h),
            p.downsample_rate,
            spread_of(self.message),
            bounds_of(p),
            top_k=p.top_k,
            background=single(p.bg_threshold),
            objectness=p.objectness,
            ignore=loss.ignore_label if loss.HasField("ignore_label") else None,
        )
        return found if len(b.tops) == 2 else (found[0],)


def field_accuracy(
    x: torch.Tensor,
    truth: torch.Tensor,
    field: tuple[int, int],
    stride: int,
    spread: tuple[tuple[float, ...], tuple[float, ...]],
    bounds: tuple[float, float],
    top_k: int = 1,
    background: float = 0.5,
    objectness: bool = False,
    ignore: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The shares (1, 1, 1, 2), and the mean overlap (1, 1, 1, 1)."""
    scores, label = x[:, :-4].detach(), truth[:, 0].long()
    shown = label.clamp(max=1) if objectness else label
    counts = (shown != 0) | (truth[:, 5] < background)
    real = label != 0
    if ignore is not None:
        counts, real = counts & (shown != ignore), real & (label != ignore)
    own = scores.gather(1, shown.clamp(0, scores.shape[1] - 1)[:, None])
    order = torch.arange(scores.shape[1], device=x.device)[:, None, None]
    later = order > shown[:, None]
    ahead = (scores > own) | ((scores == own) & later)
    hit = (ahead.sum(1) < top_k) & (shown >= 0)
    boxes = field_boxes(x[:, -4:].detach(), [field], stride, spread, bounds)
    wanted = torch.cat([truth[:, 1:3] - truth[:, 3:5] / 2, truth[:, 3:5]], 1)
    low = torch.maximum(boxes[:, :2], wanted[:, :2])
    high = torch.minimum(boxes[:, :2] + boxes[:, 2:], wanted[:, :2] + wanted[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    union = boxes[:, 2:].prod(1) + wanted[:, 2:].prod(1) - shared
    overlap = torch.where((wanted[:, 2:] > 0).all(1), shared / union, 0)
    hits = hit.to(x.dtype)
    right = [share_of(hits, counts), share_of(hits, counts & (shown != 0))]
    mean = share_of(overlap, real)
    return torch.stack(right).reshape(1, 1, 1, 2), mean.reshape(1, 1, 1, 1)
