"""SoftmaxWithLoss: the cross entropy of scores and labels."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, Shape, canonical_axis, count, register
from protonet.layers.loss import (
    BATCH_SIZE,
    FULL,
    NONE,
    VALID,
    check_batch,
    check_labels,
    normalization,
    targets,
)
from protonet.program import Builder, Expr, F, torch


@register("SoftmaxWithLoss")
class SoftmaxWithLoss(Layer):
    """Minus the logarithm of the softmax at the labels, divided as loss_param says.

    Scores (n, c, ...), labels (n, ...), one number; a second top has the softmax.
    Source: Caffe's SoftmaxWithLossLayer.
    """

    param = "softmax_param"
    bottoms = (2, 2)
    tops = (1, 2)
    is_loss = True
    keeps = ()
    examples = (
        Example(
            'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "y" }',
            {"x": (2, 10), "label": (2,)},
            {"y": ()},
            "y = softmax_loss(x, label.long())",
        ),
        Example(
            'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "y" '
            "loss_param { ignore_label: 255 } }",
            {"x": (2, 10, 4, 4), "label": (2, 1, 4, 4)},
            {"y": ()},
            'y_part = softmax_loss(x, loss_target, ignore_index=255, reduction="sum")',
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels = bottoms
        check_batch(bottoms)
        check_labels(scores, labels, self.axis(scores))
        return ((), scores)[: len(self.message.top)]

    def axis(self, scores: Shape) -> int:
        """The axis of the classes."""
        return canonical_axis(self.p.axis, scores)

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        """The logarithm of the softmax, and the labels as whole numbers."""
        scores, labels = bottoms
        return 4 * count(scores) * len(tops) + 8 * count(labels)

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        scores, labels = bottoms
        axis = self.axis(b.bottoms[0])
        loss = self.loss(b, scores, targets(scores, labels, b.bottoms, axis), axis)
        if len(b.tops) == 1:
            return (loss,)
        return loss, b.call(F.softmax, scores, dim=axis)

    def loss(self, b: Builder, scores: Expr, target: Expr, axis: int) -> Expr:
        """The sum, divided by what SoftmaxWithLossLayer::get_normalizer counts."""
        options: Any = self.message.loss_param
        mode, ignores = normalization(options, VALID), options.HasField("ignore_label")
        one_place = count(b.bottoms[0], axis + 1) == 1
        if not ignores and (mode in (FULL, VALID) or (mode == BATCH_SIZE and one_place)):
            return self.entropy(b, scores, target, axis)
        ignored = {"ignore_index": options.ignore_label} if ignores else {}
        if ignores and mode in (VALID, FULL):
            target = b.let("target", target)
        total: Expr = self.entropy(b, scores, target, axis, **ignored, reduction="sum")
        if mode == VALID:
            kept: Expr = target != options.ignore_label
            return total / kept.sum().clamp(min=1)
        if mode == FULL:
            return total / target.numel()
        return total if mode == NONE else self.by_batch(total, scores, axis)

    def entropy(self, b: Builder, scores: Expr, target: Expr, axis: int, **options: Any) -> Expr:
        """The cross entropy, whose classes torch has on axis 1."""
        if axis == 0:
            scores, target = scores.unsqueeze(0), target.unsqueeze(0)
        if axis > 1:
            scores = scores.movedim(axis, 1)
        b.helper(none_above)
        return b.call(softmax_loss, scores, target, **options)

    def by_batch(self, total: Expr, scores: Expr, axis: int) -> Expr:
        """The total divided by the sizes of the axes before the classes."""
        for i in range(axis):
            total = total / scores.shape[i]
        return total


def none_above(x: torch.Tensor, bound: float) -> bool:
    """Whether no element is above a bound, where that can be asked at once: not in a trace."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    try:
        return x.max().item() <= bound
    except RuntimeError:
        return False  # inside vmap, or of no elements


def softmax_loss(
    scores: torch.Tensor,
    labels: torch.Tensor,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> torch.Tensor:
    """F.cross_entropy, a probability counting as at least 2^-126; the gradient goes on below."""
    log = F.log_softmax(scores, dim=1)
    loss = F.nll_loss(log, labels, ignore_index=ignore_index, reduction=reduction)
    own = F.nll_loss(log.detach(), labels, ignore_index=ignore_index, reduction="none")
    if none_above(own, 87.33654475):
        return loss
    bounded = own.clamp(max=87.33654475)
    value = bounded.mean() if reduction == "mean" else bounded.sum()
    return value + (loss - loss.detach())
