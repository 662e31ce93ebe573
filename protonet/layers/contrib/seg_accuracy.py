"""SegAccuracy: how much of a segmentation is right."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, nn, torch


@register("SegAccuracy")
class SegAccuracyLayer(Layer):
    """Share of right pixels, mean recall of the classes seen, mean intersection over union.

    Scores (n, c, h, w) and labels (n, 1, h, w) to (1, 1, 1, 3); pixels of ignore_label do not
    count. One channel is a score of two classes, cut at 0.5. With reset: false the counts go on
    from batch to batch. ``metric`` changes nothing, all three are given.
    Source: SegAccuracyLayer and ConfusionMatrix of DeepLab's and PSPNet's Caffe forks.
    """

    param = "seg_accuracy_param"
    bottoms = (2, 2)
    examples = (
        Example(
            'layer { name: "accuracy" type: "SegAccuracy" bottom: "x" bottom: "label" top: "y" '
            "seg_accuracy_param { ignore_label: 255 } }",
            {"x": (2, 21, 4, 4), "label": (2, 1, 4, 4)},
            {"y": (1, 1, 1, 3)},
            "self.accuracy = SegAccuracy(21, ignore=[255])",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels = bottoms
        if len(scores) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(scores)}", "bottom", 0)
        if labels != (scores[0], 1, *scores[2:]):
            what = f"{show(scores)} scores take labels of {show((scores[0], 1, *scores[2:]))}"
            raise LayerError(f"{what}, not {show(labels)}", "bottom", 1)
        return ((1, 1, 1, 3),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        scores, labels = bottoms
        classes = max(2, b.bottoms[0][1])
        ignore, reset = list(self.p.ignore_label) or None, bool(self.p.reset)
        return b.module(SegAccuracy, classes, ignore=ignore, reset=reset)(scores, labels)


class SegAccuracy(nn.Module):
    """Pixel accuracy, mean recall and mean intersection over union from a confusion matrix."""

    confusion: torch.Tensor

    def __init__(
        self,
        classes: int,
        ignore: list[int] | None = None,
        reset: bool = True,
    ) -> None:
        super().__init__()
        self.ignore = ignore or []
        self.reset = reset
        confusion = torch.zeros(classes, classes, dtype=torch.long)
        self.register_buffer("confusion", confusion, persistent=False)

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        classes = self.confusion.shape[0]
        found = scores.argmax(1) if scores.shape[1] > 1 else (scores > 0.5).long()
        truth = labels.long().flatten()
        kept = torch.ones_like(truth)
        for label in self.ignore:
            kept = kept * (truth != label)
        place = (truth * classes + found.flatten()) * kept
        counts = torch.zeros(classes**2, dtype=torch.long, device=scores.device)
        counts = counts.index_add(0, place, kept).view(classes, classes)
        if not self.reset:
            counts = counts + self.confusion
            self.confusion.copy_(counts)
        right = counts.diagonal()
        actual, predicted = counts.sum(1), counts.sum(0)
        either = actual + predicted - right
        accuracy = right.sum() / actual.sum().clamp(min=1)
        recall = (right / actual.clamp(min=1)).sum() / (actual > 0).sum().clamp(min=1)
        # A class that is neither there nor found is as right as can be.
        overlap = torch.where(either == right, 1.0, right / either.clamp(min=1)).mean()
        found = torch.stack([accuracy, recall, overlap])
        return found.to(scores.dtype).view(1, 1, 1, 3)
