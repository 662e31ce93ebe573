"""FocalLoss: a softmax loss that weighs what is already right less, of py-R-FCN-multiGPU."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, canonical_axis, count, register
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
from protonet.program import Builder, Expr, F, single, torch


@register("FocalLoss")
class FocalLoss(Layer):
    """Minus alpha * (1 - p)^gamma * log(p), p the softmax at the label, divided as loss_param says.

    Scores (n, c, ...), labels (n, ...), one number. The alpha is 0.25 where none is stated.
    Source: FocalLossLayer of Goingqs' py-R-FCN-multiGPU.
    """

    param = "focal_loss_param"
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "FocalLoss" bottom: "x" bottom: "label" top: "y" }',
            {"x": (2, 10), "label": (2,)},
            {"y": ()},
            "y = focal_loss(x, label.long(), 0.25, 2.0) / 2",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels = bottoms
        check_batch(bottoms)
        if canonical_axis(self.message.softmax_param.axis, scores) != 1:
            raise LayerError("it takes axis: 1", "softmax_param", "axis")
        check_labels(scores, labels, 1, self.message.bottom[1])
        if self.p.type != 0:
            raise LayerError("only ORIGIN is supported, the sole type that the fork has", "type")
        if self.p.gamma < 0:
            raise LayerError(f"gamma can't be negative, it is {single(self.p.gamma)}", "gamma")
        if self.alpha <= 0:
            raise LayerError(f"alpha must be positive, it is {self.alpha}", "alpha")
        return ((),)

    @property
    def alpha(self) -> float:
        """What the loss is times; this fork's default where it is not stated."""
        return single(self.p.alpha) if self.has("alpha") else 0.25

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        scores, labels = bottoms
        given = self.message.loss_param
        target = targets(scores, labels, b.bottoms, 1)
        ignored = {"ignored": given.ignore_label} if given.HasField("ignore_label") else {}
        options = (self.alpha, single(self.p.gamma))
        mode = normalization(given, VALID)
        if ignored and mode == VALID:
            kept = labels != given.ignore_label
            size: Expr = kept.sum().clamp(min=1)
            return b.call(focal_loss, scores, target, *options, **ignored) / size
        total = b.call(focal_loss, scores, target, *options, **ignored)
        places = count(b.bottoms[1])
        sizes = {FULL: places, VALID: places, BATCH_SIZE: b.bottoms[0][0], NONE: 1}
        return total if mode == NONE else total / max(sizes[mode], 1)


def focal_loss(
    scores: torch.Tensor,
    labels: torch.Tensor,
    alpha: float,
    gamma: float,
    ignored: int | None = None,
) -> torch.Tensor:
    """The sum of the focal losses of the labels that are not ignored."""
    kept = torch.ones_like(labels, dtype=torch.bool) if ignored is None else labels != ignored
    known = torch.where(kept, labels, 0)[:, None]
    right = F.softmax(scores, 1).gather(1, known).squeeze(1)
    own = (1 - right).pow(gamma) * right.clamp(min=1.1754944e-38).log()
    return -alpha * own[kept].sum()
