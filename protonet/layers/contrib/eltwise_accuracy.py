"""EltwiseAccuracy: the share of pixels whose label is among the largest scores."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, torch


@register("EltwiseAccuracy")
class EltwiseAccuracy(Layer):
    """Count the pixels whose label is among the ``top_k`` largest scores, as a share.

    Scores (n, c, h, w) and labels (n, 1, h, w) to (1, 1, 1, 1). Of scores that are alike the later
    class comes first; a pixel of ignore_label does not count, and one of a label that is no class
    counts as wrong. No gradient; no pixel at all is no number. Source: EltwiseAccuracyLayer of
    HyeonwooNoh's Caffe fork.
    """

    param = "eltwise_accuracy_param"
    bottoms = (2, 2)
    keeps = ()
    kind = "metric"
    examples = (
        Example(
            'layer { name: "l" type: "EltwiseAccuracy" bottom: "x" bottom: "label" top: "y" '
            "eltwise_accuracy_param { ignore_label: 255 } }",
            {"x": (2, 21, 4, 5), "label": (2, 1, 4, 5)},
            {"y": (1, 1, 1, 1)},
            "y = pixel_accuracy(x, label, ignore_label=255)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels = bottoms
        if len(scores) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(scores)}", "bottom", 0)
        wanted = (scores[0], 1, *scores[2:])
        if labels != wanted:
            what = f"{show(scores)} scores take labels of {show(wanted)}, not {show(labels)}"
            raise LayerError(what, "bottom", 1)
        if not 1 <= self.p.top_k <= scores[1]:
            what = f"top_k is 1 to {scores[1]}, the number of classes, not {self.p.top_k}"
            raise LayerError(what, "top_k")
        return ((1, 1, 1, 1),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        options: dict[str, Any] = {"top_k": self.p.top_k}
        if self.has("ignore_label"):
            options["ignore_label"] = self.p.ignore_label
        return b.call(pixel_accuracy, *bottoms, **options)


def pixel_accuracy(
    scores: torch.Tensor,
    labels: torch.Tensor,
    top_k: int = 1,
    ignore_label: int | None = None,
) -> torch.Tensor:
    """The share of pixels with a label among the top_k scores, the later of equal ones first."""
    classes = scores.shape[1]
    number = torch.arange(classes, device=scores.device).view(1, -1, 1, 1)
    label = labels.long()
    there = (label >= 0) & (label < classes)
    own = scores.gather(1, label.clamp(0, classes - 1))
    before = (scores > own) | ((scores == own) & (number > label))
    right = there & (before.sum(1, keepdim=True) < top_k)
    kept = torch.ones_like(right)
    if ignore_label is not None:
        kept = label != ignore_label
    share = (right & kept).sum().to(scores.dtype) / kept.sum()
    return share.view(1, 1, 1, 1)
