"""Accuracy: the share of rows whose label is among the largest scores."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, LayerError, Shape, canonical_axis, register
from protonet.layers.loss import check_labels, targets
from protonet.program import Builder, Expr, torch


@register("Accuracy")
class Accuracy(Layer):
    """Count the rows with fewer than ``top_k`` scores as large as the label's, as a share.

    Scores (n, c, ...), labels (n, ...), one number; a second top has the share of each class.
    No gradient. With min_is_better scores are distances, of which the least is best.
    Source: Caffe's AccuracyLayer, and happynear's, which has min_is_better.
    """

    param = "accuracy_param"
    bottoms = (2, 2)
    keeps = ()
    tops = (1, 2)
    kind = "metric"
    examples = (
        Example(
            'layer { name: "l" type: "Accuracy" bottom: "x" bottom: "label" top: "y" }',
            {"x": (2, 10), "label": (2,)},
            {"y": ()},
            "y = top_k_accuracy(x, label.long())",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels = bottoms
        axis = canonical_axis(self.p.axis, scores)
        check_labels(scores, labels, axis, self.message.bottom[1])
        if self.p.top_k > scores[axis]:
            what = f"top_k is at most {scores[axis]}, the number of classes, not {self.p.top_k}"
            raise LayerError(what, "top_k")
        return ((), (scores[axis],))[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        scores, labels = bottoms
        axis = canonical_axis(self.p.axis, b.bottoms[0])
        target = targets(scores, labels, b.bottoms, axis)
        if self.p.min_is_better:
            scores = -scores
        options: dict[str, Any] = {"top_k": self.p.top_k, "axis": axis}
        if self.p.HasField("ignore_label"):
            options["ignore_label"] = self.p.ignore_label
        b.helper(rank)
        if len(b.tops) == 2:
            return b.call(top_k_accuracy_by_class, scores, target, **options)
        return b.call(top_k_accuracy, scores, target, **options)


def rank(scores: torch.Tensor, labels: torch.Tensor, axis: int) -> torch.Tensor:
    """How many scores are as large as the label's, its own among them."""
    own = scores.gather(axis, labels.unsqueeze(axis))
    return (scores >= own).sum(axis, dtype=torch.int32)


def top_k_accuracy(
    scores: torch.Tensor,
    labels: torch.Tensor,
    top_k: int = 1,
    axis: int = 1,
    ignore_label: int | None = None,
) -> torch.Tensor:
    """The share of labels among the top_k scores; a score as large as the label's counts."""
    if ignore_label is None:
        return (rank(scores, labels, axis) <= top_k).to(scores.dtype).mean()
    kept = (labels != ignore_label).long()
    hit = (rank(scores, labels * kept, axis) <= top_k) * kept
    return hit.sum().to(scores.dtype) / kept.sum().clamp(min=1)


def top_k_accuracy_by_class(
    scores: torch.Tensor,
    labels: torch.Tensor,
    top_k: int = 1,
    axis: int = 1,
    ignore_label: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The share of labels among the top_k scores, over all and over those of each class."""
    kept = torch.ones_like(labels)
    if ignore_label is not None:
        kept = (labels != ignore_label).long()
    label = labels * kept
    hit = (rank(scores, label, axis) <= top_k) * kept
    zeros = torch.zeros(scores.shape[axis], dtype=kept.dtype, device=scores.device)
    hits = zeros.index_add(0, label.flatten(), hit.flatten())
    seen = zeros.index_add(0, label.flatten(), kept.flatten())
    share = hit.sum().to(scores.dtype) / kept.sum().clamp(min=1)
    return share, hits.to(scores.dtype) / seen.clamp(min=1)
