"""SoftmaxWithLoss with a weight for each label, of Faster R-CNN's first fork and its kin."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, canonical_axis, register, show
from protonet.layers.forks import SOFTMAX
from protonet.layers.loss import check_batch, check_labels, targets
from protonet.program import Builder, Expr, F, torch


@register("SoftmaxWithLossWeighted")
class SoftmaxWithLossWeighted(Layer):
    """SoftmaxWithLoss of three bottoms: each label's loss times its weight, over the weights' sum.

    Scores (n, c, ...), labels and weights (n, 1, ...), to one number, 0 where no weight is above 0.
    An ignored label weighs nothing; ``normalize: false`` divides by the batch size. Weights take
    no gradient. Source: SoftmaxWithLossLayer of ShaoqingRen's Caffe and garrickbrazil's AR-Ped.
    """

    param = "softmax_param"
    bottoms = (3, 3)
    constants = (1, 2)
    is_loss = True
    refuses = SOFTMAX
    examples = (
        Example(
            'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" '
            'bottom: "weight" top: "y" }',
            {"x": (2, 3, 4, 4), "label": (2, 1, 4, 4), "weight": (2, 1, 4, 4)},
            {"y": ()},
            "y = weighted_softmax_loss(x, label.squeeze(1).long(), weight)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels, weights = bottoms
        check_batch(bottoms)
        axis = canonical_axis(self.p.axis, scores)
        if axis != 1:
            raise LayerError(f"with weights it takes axis: 1, not {self.p.axis}", "axis")
        check_labels(scores, labels, axis, self.message.bottom[1])
        if weights != labels:
            what = f"labels {show(labels)} take as many weights, not {show(weights)}"
            raise LayerError(what, "bottom", 2)
        if self.message.loss_param.HasField("normalization"):
            what = "with weights it takes no normalization, which forks read differently"
            raise LayerError(what, "loss_param", "normalization")
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        scores, labels, weights = bottoms
        given = self.message.loss_param
        options: dict[str, object] = {}
        if given.HasField("ignore_label"):
            options["ignored"] = given.ignore_label
        if given.HasField("normalize") and not given.normalize:
            options["by_batch"] = True
        target = targets(scores, labels, b.bottoms, 1)
        return b.call(weighted_softmax_loss, scores, target, weights, **options)


def weighted_softmax_loss(
    scores: torch.Tensor,
    labels: torch.Tensor,
    weight: torch.Tensor,
    ignored: int = -100,
    by_batch: bool = False,
) -> torch.Tensor:
    """The weighted cross entropy over the sum of the weights, or over the batch size."""
    own = F.cross_entropy(scores, labels, ignore_index=ignored, reduction="none")
    own.detach().clamp_max_(87.33654475)  # a probability counts as at least 2^-126
    weight = weight.reshape(own.shape) * (labels != ignored)
    total, size = (own * weight).sum(), weight.sum()
    if by_batch:
        return total / scores.shape[0]
    return torch.where(size == 0, 0.0, total / torch.where(size == 0, 1.0, size))
