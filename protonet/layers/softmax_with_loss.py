"""SoftmaxWithLoss: the cross entropy of scores and labels."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, LayerError, Shape, canonical_axis, count, register
from protonet.layers.forks import LOSS, SOFTMAX, without
from protonet.layers.loss import (
    BATCH_SIZE,
    FULL,
    NONE,
    PRE_FIXED,
    VALID,
    at_least_one,
    check_batch,
    check_labels,
    normalization,
    targets,
)
from protonet.program import Builder, Expr, F, single, torch
from protonet.schema.pool import Message


@register("SoftmaxWithLoss")
class SoftmaxWithLoss(Layer):
    """Minus the logarithm of the softmax at the labels, divided as loss_param says.

    Scores (n, c, ...), labels (n, ...), one number. With weight_by_label_freqs (SegNet's fork)
    each label's share is times its class_weighting, or over how often it is in the batch;
    PRE_FIXED (Intel's) divides by pre_fixed_normalizer. With three tops it is R-FCN's
    SoftmaxWithLossOHEM, with three bottoms SoftmaxWithLossWeighted.
    Source: Caffe's SoftmaxWithLossLayer, and SegNet's and Intel's.
    """

    param = "softmax_param"
    bottoms = (2, 2)
    is_loss = True
    keeps = ()
    refuses = SOFTMAX
    refuses_in_loss = without(LOSS, "normalization: PRE_FIXED", "weight_by_label_freqs")
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
            "y = softmax_loss(x, label.squeeze(1).long(), ignore_index=255)",
        ),
        Example(
            'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "y" '
            "loss_param { weight_by_label_freqs: true "
            "class_weighting: [0.5, 2.0, 1.25] } }",
            {"x": (2, 3, 4, 4), "label": (2, 1, 4, 4)},
            {"y": ()},
            "loss_weight = x.new_tensor([0.5, 2.0, 1.25])",
        ),
    )

    @classmethod
    def form(cls, message: Message) -> str:
        if len(message.bottom) == 3:
            return "SoftmaxWithLossWeighted"
        return "SoftmaxWithLossOHEM" if len(message.top) == 3 else ""

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels = bottoms
        check_batch(bottoms)
        check_labels(scores, labels, self.axis(scores), self.message.bottom[1])
        self.check_weights(scores[self.axis(scores)])
        return ((),)

    def check_weights(self, classes: int) -> None:
        """LayerError unless there is a weight for each class, where there is any."""
        options: Any = self.message.loss_param
        given = len(options.class_weighting)
        if given and not options.weight_by_label_freqs:
            what = "class_weighting has no effect without weight_by_label_freqs: true"
            raise LayerError(what, "loss_param", "class_weighting")
        if given not in (0, classes):
            what = f"class_weighting is given {given} times for {classes} classes"
            raise LayerError(what, "loss_param", "class_weighting")

    def axis(self, scores: Shape) -> int:
        """The axis of the classes."""
        return canonical_axis(self.p.axis, scores)

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        """The logarithm of the softmax, and the labels as whole numbers."""
        scores, labels = bottoms
        return 4 * count(scores) + 8 * count(labels)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        scores, labels = bottoms
        axis = self.axis(b.bottoms[0])
        return self.loss(b, scores, targets(scores, labels, b.bottoms, axis), axis)

    def loss(self, b: Builder, scores: Expr, target: Expr, axis: int) -> Expr:
        """The sum, divided by what SoftmaxWithLossLayer::get_normalizer counts."""
        options: Any = self.message.loss_param
        if options.weight_by_label_freqs:
            target = b.let("target", target)
        weights = self.weights(b, scores, target, axis)
        mode, ignores = normalization(options, VALID), options.HasField("ignore_label")
        one_place = count(b.bottoms[0], axis + 1) == 1
        if (
            not ignores
            and not weights
            and (mode in (FULL, VALID) or (mode == BATCH_SIZE and one_place))
        ):
            return self.entropy(b, scores, target, axis)
        ignored = {"ignore_index": options.ignore_label} if ignores else {}
        if ignores and mode == VALID and not weights:
            return self.entropy(b, scores, target, axis, **ignored, reduction="valid")
        if ignores and mode == FULL and not weights:
            target = b.let("target", target)
        total: Expr = self.entropy(b, scores, target, axis, **weights, **ignored, reduction="sum")
        if mode == PRE_FIXED:
            return total / single(options.pre_fixed_normalizer)
        if mode == VALID and ignores:
            kept = b.let("kept", target != options.ignore_label)
            return total / b.call(torch.count_nonzero, kept).clamp(min=1)
        if mode in (FULL, VALID):
            return total / at_least_one(b, target.numel())
        return total if mode == NONE else self.by_batch(b, total, scores, axis)

    def weights(self, b: Builder, scores: Expr, target: Expr, axis: int) -> dict[str, Expr]:
        """What each class weighs, as cross_entropy takes it; nothing where all weigh the same."""
        options: Any = self.message.loss_param
        if not options.weight_by_label_freqs:
            return {}
        given = [single(w) for w in options.class_weighting]
        if given:
            return {"weight": b.let("weight", scores.new_tensor(given))}
        rarity = b.call(label_rarity, target, b.bottoms[0][axis])
        return {"weight": b.let("weight", rarity.to(scores.dtype))}

    def entropy(self, b: Builder, scores: Expr, target: Expr, axis: int, **options: Any) -> Expr:
        """The cross entropy, whose classes torch has on axis 1."""
        if axis == 0:
            scores, target = scores.unsqueeze(0), target.unsqueeze(0)
        if axis > 1:
            scores = scores.movedim(axis, 1)
        return b.call(softmax_loss, scores, target, **options)

    def by_batch(self, b: Builder, total: Expr, scores: Expr, axis: int) -> Expr:
        """The total divided by the sizes of the axes before the classes."""
        for i in range(axis):
            total = total / at_least_one(b, scores.shape[i])
        return total


def softmax_loss(
    scores: torch.Tensor,
    labels: torch.Tensor,
    ignore_index: int = -100,
    reduction: str = "mean",
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """F.cross_entropy, a probability counting as at least 2^-126; the gradient goes on below."""
    own = F.cross_entropy(scores, labels, ignore_index=ignore_index, reduction="none")
    own.detach().clamp_max_(87.33654475)
    if weight is not None:
        own = own * weight[labels.clamp(0, len(weight) - 1)]
    if reduction == "valid":
        return own.sum() / torch.count_nonzero(labels != ignore_index).clamp(min=1)
    return own.mean() if reduction == "mean" and own.numel() else own.sum()


def label_rarity(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """For each class, one over how often it is among the labels."""
    flat = labels.flatten()
    known = ((flat >= 0) & (flat < classes)).long()
    counts = torch.zeros(classes, dtype=torch.long, device=labels.device)
    return 1 / counts.index_add(0, flat * known, known).clamp(min=1)
