"""SoftmaxWithLossOHEM: the cross entropy, and that of each region, of the R-FCN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, canonical_axis, register
from protonet.layers.forks import LOSS, SOFTMAX, without
from protonet.layers.loss import (
    BATCH_SIZE,
    FULL,
    NONE,
    PRE_FIXED,
    VALID,
    check_batch,
    check_labels,
    normalization,
    targets,
)
from protonet.program import Builder, Expr, F, single


@register("SoftmaxWithLossOHEM")
class SoftmaxWithLossOHEM(Layer):
    """Minus the logarithm of the softmax at the labels, divided as loss_param says.

    Scores (n, c, h, w), labels (n, h, w), to one number; a second top has the softmax, a third the
    loss of each label, (n, 1, h, w), without a gradient; the labels' shape where it is called
    SoftmaxWithLoss. Source: SoftmaxWithLossLayer of daijifeng001's caffe-rfcn.
    """

    param = "softmax_param"
    bottoms = (2, 2)
    tops = (1, 3)
    is_loss = True
    refuses = SOFTMAX
    refuses_in_loss = without(LOSS, "normalization: PRE_FIXED")
    examples = (
        Example(
            'layer { name: "l" type: "SoftmaxWithLossOHEM" bottom: "x" bottom: "label" '
            'top: "loss" top: "prob" top: "each" loss_weight: 1 loss_weight: 0 loss_weight: 0 }',
            {"x": (4, 10), "label": (4,)},
            {"loss": (), "prob": (4, 10), "each": (4, 1, 1, 1)},
            "loss = l_each.sum() / l_each.numel()",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels = bottoms
        check_batch(bottoms)
        axis = canonical_axis(self.p.axis, scores)
        check_labels(scores, labels, axis, self.message.bottom[1])
        places = (*scores[axis + 1 :], 1, 1)[:2]
        own = axis == 1 and len(scores) <= 4 and self.message.type != "SoftmaxWithLoss"
        each = (scores[0], 1, *places) if own else labels
        return ((), scores, each)[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        scores, labels = bottoms
        axis, options = canonical_axis(self.p.axis, b.bottoms[0]), self.message.loss_param
        ignores, mode = options.HasField("ignore_label"), normalization(options, VALID)
        target = b.let("target", targets(scores, labels, b.bottoms, axis))
        moved = scores if axis == 1 else scores.movedim(axis, 1)
        ignored = {"ignore_index": options.ignore_label} if ignores else {}
        each = b.let("each", b.call(F.cross_entropy, moved, target, **ignored, reduction="none"))
        loss: Expr = each.sum()
        if mode == FULL or (mode == VALID and not ignores):
            loss = loss / each.numel()
        elif mode == VALID:
            kept: Expr = target != options.ignore_label
            loss = loss / kept.sum().clamp(min=1)
        elif mode == BATCH_SIZE:
            for i in range(axis):
                loss = loss / scores.shape[i]
        elif mode == PRE_FIXED:
            loss = loss / max(1.0, single(options.pre_fixed_normalizer))
        assert mode in (FULL, VALID, BATCH_SIZE, NONE, PRE_FIXED)
        alone: Expr = each.detach()
        if self.message.type == "SoftmaxWithLoss":
            alone = alone.view_as(labels)
        elif len(b.tops) == 3 and len(b.tops[2]) == 4 and axis == 1:
            alone = alone.unsqueeze(1)
            for _ in range(4 - len(b.bottoms[0])):
                alone = alone.unsqueeze(-1)
        tops = (loss, b.call(F.softmax, scores, dim=axis), alone)
        return tops[: len(b.tops)]
