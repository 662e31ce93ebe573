"""DetectionLoss: how far a map of scores and boxes is from the truth, of the MS-CNN fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.regions import (
    bounded_codes,
    bounds_of,
    check_map,
    falling,
    field_codes,
    field_grid,
    spread_of,
)
from protonet.program import Builder, Expr, F, nn, single, torch
from protonet.schema.pool import Message

_OF_YOLO = (
    *("side", "num_class", "num_object", "object_scale", "noobject_scale", "class_scale"),
    *("coord_scale", "sqrt", "constriant"),
)


@register("DetectionLoss")
class DetectionLoss(Layer):
    """The loss of a map's classes, of all objects and a sample of background, and of its boxes.

    A map (n, cls_num + 4, h, w) of scores and codes, and its truth (n, 6, h, w) of label, middle
    x, middle y, width, height and overlap, to (1, 1, 1, 2): the loss, and lambda times that of the
    boxes, which only shows. Background is what overlaps by less than bg_threshold; of it random
    places are taken, those with the best scores of an object (bootstrap), half and half (mixture),
    or, with any other sample_mode, all. The gradient goes to the scores and codes, also to codes
    beyond their bounds. Source: DetectionLossLayer of zhaoweicai's mscnn.
    """

    param = "detection_loss_param"
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "DetectionLoss" bottom: "x" bottom: "truth" top: "y" '
            "detection_loss_param { cls_num: 2 field_w: 60 field_h: 40 downsample_rate: 8 "
            'sample_mode: "bootstrap" } }',
            {"x": (2, 6, 4, 5), "truth": (2, 6, 4, 5)},
            {"y": (1, 1, 1, 2)},
            'self.l = FieldLoss([60, 40], 8, sample="bootstrap")',
        ),
    )

    @classmethod
    def form(cls, message: Message) -> str:
        stated = message.detection_loss_param.ListFields()
        return "yolo.DetectionLoss" if any(field.name in _OF_YOLO for field, _ in stated) else ""

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, truth = bottoms
        check_map(self, x, truth)
        bounds_of(self.p)
        loss = self.message.loss_param
        if loss.HasField("normalization") or loss.HasField("normalize"):
            what = "it divides by the places that count, and takes no normalization"
            raise LayerError(what, "loss_param")
        return ((1, 1, 1, 2),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (field_grid, field_codes, bounded_codes, falling, mined, balance):
            b.helper(helper)
        p, loss = self.p, self.message.loss_param
        options = {
            "spread": spread_of(self.message),
            "bounds": bounds_of(p),
            "weight": single(getattr(p, "lambda")),
            "smooth": p.bb_smooth,
            "background": single(p.bg_threshold),
            "multiple": p.bg_multiple,
            "sample": p.sample_mode,
            "objectness": p.objectness,
            "by_overlap": p.iou_weighted,
            "balanced": p.pos_neg_weighted,
            "ignore": loss.ignore_label if loss.HasField("ignore_label") else None,
        }
        differing = {k: v for k, v in options.items() if v != getattr(FieldLoss, k)}
        field = p.field_w, p.field_h
        return b.module(FieldLoss, list(field), p.downsample_rate, **differing)(*bottoms)


class FieldLoss(nn.Module):
    """The loss of a map's classes, of its objects and mined background, and of its boxes."""

    spread = ((0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0))
    bounds = (0.5, math.log(2))
    weight = 1.0
    smooth = True
    background = 0.5
    multiple = 4
    sample = "random"
    objectness = False
    by_overlap = False
    balanced = False
    ignore: int | None = None

    def __init__(self, field: list[int], stride: int, **options: object) -> None:
        super().__init__()
        self.field, self.stride = field, stride
        for name, value in options.items():
            setattr(self, name, value)

    def forward(self, x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The loss, and the part of it that is the boxes', (1, 1, 1, 2)."""
        boxes = self.boxes(x[:, -4:], truth)
        total = self.classes(x[:, :-4], truth) + boxes
        return torch.stack([total, boxes.detach()]).reshape(1, 1, 1, 2)

    def classes(self, scores: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The cross entropy of the places that count."""
        label, overlap = truth[:, 0].long(), truth[:, 5]
        shown = label.clamp(max=1) if self.objectness else label
        free = (label == 0) & (overlap < self.background)
        kept = mined(scores.detach(), shown, free, self.multiple, self.sample)
        weights = torch.ones_like(overlap)
        if self.by_overlap:
            weights = torch.where(label != 0, overlap, weights)
        if self.balanced:
            weights = balance(weights, label != 0, kept, self.multiple)
        counts = kept | (shown != 0)
        if self.ignore is not None:
            counts = counts & (shown != self.ignore)
        each = F.cross_entropy(scores, torch.where(counts, shown, 0), reduction="none")
        return torch.where(counts, each * weights, 0).sum() / counts.sum().clamp(min=1)

    def boxes(self, codes: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """How far the codes of objects are off, times the weight."""
        label = truth[:, 0].long()
        real = label != 0
        if self.ignore is not None:
            real = real & (label != self.ignore)
        fields = [(self.field[0], self.field[1])]
        wanted = field_codes(truth[:, 1:5], fields, self.stride, self.spread)
        gaps = bounded_codes(codes, self.spread, self.bounds) - wanted
        gaps = torch.where(real[:, None], gaps, 0)
        zero = torch.zeros_like(gaps)
        error = F.smooth_l1_loss(gaps, zero, reduction="sum")
        if not self.smooth:
            error = F.mse_loss(gaps, zero, reduction="sum") / 2
        return self.weight * error / (4 * real.sum()).clamp(min=1)


def mined(
    scores: torch.Tensor,
    labels: torch.Tensor,
    free: torch.Tensor,
    multiple: int,
    sample: str,
) -> torch.Tensor:
    """Which places of background count, (n, h, w), of those that are free to."""
    share = 0.5 if sample == "mixture" else 1.0
    kept = torch.zeros_like(free).flatten(1)
    if sample not in ("random", "bootstrap", "mixture"):
        return free
    classes, places = scores.shape[1], kept.shape[1]
    for image, row in enumerate(kept):
        mine, number = free[image].flatten(), labels[image]
        if sample != "bootstrap":
            count = int(int((number != 0).sum()) * multiple * share)
            draws = (max(count, 4 * (classes - 1)),)
            row[torch.randint(places, draws, device=row.device)] = True
            row.logical_and_(mine)
        where = mine.nonzero()[:, 0]
        for k in range(1, classes if sample != "random" else 0):
            count = max(4, int(int((number == k).sum()) * multiple * share))
            best = falling(scores[image, k].flatten()[where])
            row[where[best[:count]]] = True
    return kept.view_as(free)


def balance(
    weights: torch.Tensor,
    objects: torch.Tensor,
    kept: torch.Tensor,
    multiple: int,
) -> torch.Tensor:
    """Weights with which objects have one part of the whole and background ``multiple``."""
    share, number = 1 / (1 + multiple), (kept | objects).sum()
    ours = torch.where(objects, weights, 0).sum()
    others = torch.where(kept & ~objects, weights, 0).sum()
    factor = torch.where(objects, share * number / ours, (1 - share) * number / others)
    return torch.where(ours != 0, weights * factor, weights)
