"""DetectionGroupAccuracy: how right maps of several fields are, of the Cascade R-CNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.regions import (
    bounds_of,
    check_groups,
    field_boxes,
    field_grid,
    share_of,
    spread_of,
)
from protonet.program import Builder, Expr, single, torch


@register("DetectionGroupAccuracy")
class DetectionGroupAccuracy(Layer):
    """The share of places, and of objects, whose class is the best, and the boxes' overlap.

    Scores, codes and truth as DetectionGroupLoss takes them, to (1, 1, 1, 2), the shares, and
    (1, 1, 1, 1), the mean overlap of the objects' boxes; -1 where there is nothing to count. No
    gradient. Source: DetectionGroupAccuracyLayer of zhaoweicai's cascade-rcnn.
    """

    param = "detection_group_accuracy_param"
    bottoms = (3, 3)
    tops = (1, 2)
    keeps = ()
    kind = "metric"
    examples = (
        Example(
            'layer { name: "l" type: "DetectionGroupAccuracy" bottom: "x" bottom: "code" '
            'bottom: "truth" top: "y" detection_group_accuracy_param { cls_num: 2 field_w: 60 '
            "field_w: 90 field_h: 60 field_h: 90 stride: 16 } }",
            {"x": (2, 2, 4, 5), "code": (2, 4, 4, 5), "truth": (2, 6, 4, 5)},
            {"y": (1, 1, 1, 2)},
            "y = group_accuracy(",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_groups(self, bottoms)
        bounds_of(self.p)
        return ((1, 1, 1, 2), (1, 1, 1, 1))[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        for helper in (field_grid, field_boxes, share_of):
            b.helper(helper)
        p, loss = self.p, self.message.loss_param
        found = b.call(
            group_accuracy,
            *bottoms,
            list(zip(p.field_w, p.field_h, strict=True)),
            p.stride,
            spread_of(self.message),
            bounds_of(p),
            background=single(p.bg_threshold),
            objectness=p.objectness,
            ignore=loss.ignore_label if loss.HasField("ignore_label") else None,
        )
        return found if len(b.tops) == 2 else (found[0],)


def group_accuracy(
    scores: torch.Tensor,
    codes: torch.Tensor,
    truth: torch.Tensor,
    fields: list[tuple[int, int]],
    stride: int,
    spread: tuple[tuple[float, ...], tuple[float, ...]],
    bounds: tuple[float, float],
    background: float = 0.5,
    objectness: bool = False,
    ignore: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The shares (1, 1, 1, 2), and the mean overlap (1, 1, 1, 1)."""
    label = truth[:, 0].long()
    shown = label.clamp(max=1) if objectness else label
    counts = (shown != 0) | (truth[:, 5] < background)
    real = label != 0
    if ignore is not None:
        counts, real = counts & (shown != ignore), real & (label != ignore)
    hit = (scores.argmax(1) == shown).to(scores.dtype)
    boxes = field_boxes(codes.detach(), fields, stride, spread, bounds)
    corner, size = truth[:, 1:3] - truth[:, 3:5] / 2, truth[:, 3:5]
    far = torch.minimum(boxes[:, :2] + boxes[:, 2:], corner + size)
    side = far - torch.maximum(boxes[:, :2], corner)
    shared = torch.where((side >= 1).all(1), side.prod(1), 0)
    overlap = shared / (boxes[:, 2:].prod(1) + size.prod(1) - shared)
    overlap = torch.where((size > 0).all(1), overlap, 0)
    right = [share_of(hit, counts), share_of(hit, counts & (shown != 0))]
    mean = share_of(overlap, real)
    return torch.stack(right).reshape(1, 1, 1, 2), mean.reshape(1, 1, 1, 1)
