"""DetectionGroupLoss: the loss of maps of several fields, of the Cascade R-CNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.regions import (
    bounded_codes,
    bounds_of,
    check_groups,
    falling,
    field_codes,
    field_grid,
    spread_of,
)
from protonet.program import Builder, Expr, F, nn, single, torch

_CHOICES = {
    "neg_mining_type": ("random", "bootstrap", "mixture"),
    "neg_ranking_type": ("conf_loss", "conf_prob"),
    "bbox_loss_type": ("Smooth_L1", "Euclidean_L2"),
}


@register("DetectionGroupLoss")
class DetectionGroupLoss(Layer):
    """The loss of the classes of a sample of an image's places, in all fields, and of its boxes.

    Scores (n * fields, cls_num, h, w), codes (n * fields, 4, h, w) and truth (n * fields, 6, h, w)
    of label, middle x, middle y, width, height and overlap, to (1, 1, 1, 2): the loss, and lambda
    times that of the boxes, which only shows. With field_xyr and field_whr codes beyond their
    bounds count as at them, but learn; other layers see them as they are.
    Source: DetectionGroupLossLayer of zhaoweicai's cascade-rcnn.
    """

    param = "detection_group_loss_param"
    bottoms = (3, 3)
    constants = (2,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "DetectionGroupLoss" bottom: "x" bottom: "code" '
            'bottom: "truth" top: "y" detection_group_loss_param { cls_num: 2 field_w: 60 '
            "field_w: 90 field_h: 60 field_h: 90 stride: 16 batch_size: 256 bg_multiple: 1 } }",
            {"x": (2, 2, 4, 5), "code": (2, 4, 4, 5), "truth": (2, 6, 4, 5)},
            {"y": (1, 1, 1, 2)},
            "self.l = GroupLoss([(60, 60), (90, 90)], 16, multiple=1, sample=256)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_groups(self, bottoms)
        for field, choices in _CHOICES.items():
            if getattr(self.p, field) not in choices:
                what = f"{field} is {' or '.join(choices)}, not {getattr(self.p, field)!r}"
                raise LayerError(what, field)
        if self.p.batch_size < 1 and self.p.batch_size != -1:
            raise LayerError(f"batch_size is positive or -1, not {self.p.batch_size}", "batch_size")
        if self.bounded:
            bounds_of(self.p)
        loss = self.message.loss_param
        if loss.HasField("normalization") or loss.HasField("normalize"):
            what = "it divides by the places that count, and takes no normalization"
            raise LayerError(what, "loss_param")
        return ((1, 1, 1, 2),)

    @property
    def bounded(self) -> bool:
        """Whether both bounds are stated; one alone does nothing."""
        return self.has("field_xyr") and self.has("field_whr")

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (field_grid, field_codes, bounded_codes, falling):
            b.helper(helper)
        p, loss = self.p, self.message.loss_param
        options = {
            "spread": spread_of(self.message),
            "bounds": bounds_of(p) if self.bounded else None,
            "weight": single(getattr(p, "lambda")),
            "smooth": p.bbox_loss_type == "Smooth_L1",
            "background": single(p.bg_threshold),
            "multiple": p.bg_multiple,
            "least": p.min_num_neg,
            "sample": p.batch_size,
            "mining": p.neg_mining_type,
            "ranking": p.neg_ranking_type,
            "objectness": p.objectness,
            "balanced": p.pos_neg_weighted,
            "ignore": loss.ignore_label if loss.HasField("ignore_label") else None,
        }
        differing = {k: v for k, v in options.items() if v != getattr(GroupLoss, k)}
        fields = list(zip(p.field_w, p.field_h, strict=True))
        return b.module(GroupLoss, fields, p.stride, **differing)(*bottoms)


class GroupLoss(nn.Module):
    """The loss of the classes and boxes of maps of several fields."""

    spread = ((0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0))
    bounds: tuple[float, float] | None = None
    weight = 1.0
    smooth = True
    background = 0.5
    multiple = 4
    least = 5
    sample = -1
    mining = "random"
    ranking = "conf_loss"
    objectness = False
    balanced = False
    ignore: int | None = None

    def __init__(
        self,
        fields: list[tuple[int, int]],
        stride: int,
        **options: object,
    ) -> None:
        super().__init__()
        self.fields, self.stride = fields, stride
        for name, value in options.items():
            setattr(self, name, value)

    def forward(
        self,
        scores: torch.Tensor,
        codes: torch.Tensor,
        truth: torch.Tensor,
    ) -> torch.Tensor:
        """The loss, and the part of it that is the boxes', (1, 1, 1, 2)."""
        label = truth[:, 0].long()
        shown = label.clamp(max=1) if self.objectness else label
        kept = self.kept(scores.detach(), label, truth[:, 5])
        counts, real = kept, kept & (label != 0)
        if self.ignore is not None:
            counts = counts & (shown != self.ignore)
            real = real & (label != self.ignore)
        each = F.cross_entropy(scores, torch.where(counts, shown, 0), reduction="none")
        each = torch.where(counts, each * self.weights(truth[:, 0], kept), 0)
        boxes = self.boxes(codes, truth, real)
        total = each.sum() / counts.sum().clamp(min=1) + boxes
        return torch.stack([total, boxes.detach()]).reshape(1, 1, 1, 2)

    def kept(
        self,
        scores: torch.Tensor,
        label: torch.Tensor,
        overlap: torch.Tensor,
    ) -> torch.Tensor:
        """Which places count: a sample of an image's objects and of its background."""
        chances = F.softmax(scores, 1)[:, 0]
        rank = 1 - chances if self.ranking == "conf_prob" else -chances.log()
        images = label.shape[0] // len(self.fields)
        label, overlap, rank = (x.reshape(images, -1) for x in (label, overlap, rank))
        kept = torch.zeros_like(label, dtype=torch.bool)
        for row, labels, shared, ranks in zip(kept, label, overlap, rank, strict=True):
            objects = (labels > 0).nonzero()[:, 0]
            others = ((labels == 0) & (shared < self.background)).nonzero()[:, 0]
            most = len(objects)
            number = max(most * self.multiple, self.least)
            if self.sample > 0:
                most = min(int(self.sample / (1 + self.multiple) + 0.5), most)
                number = self.sample - most
            row[self.drawn(objects, most)] = True
            row[self.chosen(others, ranks, number)] = True
        return kept.view_as(scores[:, 0])

    def drawn(self, places: torch.Tensor, number: int) -> torch.Tensor:
        """So many of the places, at random, or all."""
        if len(places) <= number:
            return places
        return places[torch.randperm(len(places), device=places.device)[:number]]

    def chosen(self, places: torch.Tensor, rank: torch.Tensor, number: int) -> torch.Tensor:
        """So many of the places of background, by the way of mining, or all."""
        if len(places) <= number or self.mining == "random":
            return self.drawn(places, number)
        order = places[falling(rank[places])]
        hard = number if self.mining == "bootstrap" else int(number * 0.5 + 0.5)
        return torch.cat([order[:hard], self.drawn(order[hard:], number - hard)])

    def weights(self, truth: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Weights with which objects have one part of the whole and background ``multiple``."""
        weights = torch.ones_like(truth)
        if not self.balanced:
            return weights
        share, objects, number = 1 / (1 + self.multiple), truth > 0, int(kept.sum())
        ours = int((kept & objects).sum())
        if ours:
            weights[objects] = share * number / ours
        if number > ours:
            weights[~objects] = (1 - share) * number / (number - ours)
        return weights

    def boxes(self, codes: torch.Tensor, truth: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """How far the codes of objects are off, times the weight."""
        wanted = field_codes(truth[:, 1:5], self.fields, self.stride, self.spread)
        if self.bounds is not None:
            codes = bounded_codes(codes, self.spread, self.bounds)
        gaps = torch.where(real[:, None], codes - wanted, 0)
        zero = torch.zeros_like(gaps)
        error = F.smooth_l1_loss(gaps, zero, reduction="sum")
        if not self.smooth:
            error = F.mse_loss(gaps, zero, reduction="sum") / 2
        return self.weight * error / real.sum().clamp(min=1)
