"""focalSoftmaxWithLoss: a cross entropy that what is sure weighs little in."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, canonical_axis, register
from protonet.layers.forks import SOFTMAX
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


@register("focalSoftmaxWithLoss")
class FocalSoftmaxLoss(Layer):
    """-0.75 (1 - p)^2 log p of the softmax p at the labels, divided as loss_param says.

    Scores (n, c, h, w), labels (n, h, w), to one number; a second top has the softmax.
    Source: focalSoftmaxWithLossLayer of yuqj1991's caffe_train.
    """

    param = "softmax_param"
    bottoms = (2, 2)
    tops = (1, 2)
    constants = (1,)
    is_loss = True
    refuses = SOFTMAX
    examples = (
        Example(
            'layer { name: "l" type: "focalSoftmaxWithLoss" bottom: "x" bottom: "label" top: "y" }',
            {"x": (4, 10), "label": (4,)},
            {"y": ()},
            "y = l_each.sum() / l_each.numel()",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels = bottoms
        check_batch(bottoms)
        check_labels(scores, labels, canonical_axis(self.p.axis, scores), self.message.bottom[1])
        if normalization(self.message.loss_param, VALID) > NONE:
            raise LayerError("it has no PRE_FIXED normalization", "loss_param", "normalization")
        return ((), scores)[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        scores, labels = bottoms
        axis, options = canonical_axis(self.p.axis, b.bottoms[0]), self.message.loss_param
        ignores, mode = options.HasField("ignore_label"), normalization(options, VALID)
        target = b.let("target", targets(scores, labels, b.bottoms, axis))
        moved = scores if axis == 1 else scores.movedim(axis, 1)
        ignored = {"ignore_index": options.ignore_label} if ignores else {}
        each = b.let("each", b.call(focal_cross_entropy, moved, target, **ignored))
        loss: Expr = each.sum()
        if mode == FULL or (mode == VALID and not ignores):
            loss = loss / each.numel()
        elif mode == VALID:
            kept: Expr = target != options.ignore_label
            loss = loss / kept.sum().clamp(min=1)
        elif mode == BATCH_SIZE:
            for i in range(axis):
                loss = loss / scores.shape[i]
        tops = (loss, b.call(F.softmax, scores, dim=axis))
        return tops[: len(b.tops)]


def focal_cross_entropy(
    scores: torch.Tensor,
    target: torch.Tensor,
    ignore_index: int = -100,
) -> torch.Tensor:
    """The loss of each label; scores are along the first axis behind the batch."""
    entropy = F.cross_entropy(scores, target, ignore_index=ignore_index, reduction="none")
    return 0.75 * (1 - (-entropy).exp()) ** 2 * entropy
