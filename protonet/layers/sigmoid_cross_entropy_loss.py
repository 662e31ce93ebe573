"""SigmoidCrossEntropyLoss: the cross entropy of logits and target probabilities."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.loss import BATCH_SIZE, NONE, VALID, at_least_one, check_batch, normalization
from protonet.program import Builder, Expr, F, torch


@register("SigmoidCrossEntropyLoss")
class SigmoidCrossEntropyLoss(Layer):
    """The summed binary cross entropy of logits, divided as loss_param says, else by the batch.

    Two bottoms (n, ...) of as many elements, one number. A third, of as many, has weights, by whose
    sum it is divided; where that is not positive, the loss is 0.
    Source: Caffe's SigmoidCrossEntropyLossLayer; that of daijifeng001's caffe-mnc for weights.
    """

    bottoms = (2, 3)
    constants = (1, 2)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "SigmoidCrossEntropyLoss" bottom: "x" bottom: "t" top: "y" }',
            {"x": (2, 10), "t": (2, 10)},
            {"y": ()},
            "y = y_part / max(1, x.shape[0])",
        ),
        Example(
            'layer { name: "l" type: "SigmoidCrossEntropyLoss" bottom: "x" bottom: "t" '
            'bottom: "w" top: "y" }',
            {"x": (2, 10), "t": (2, 10), "w": (2, 10)},
            {"y": ()},
            "y = weighed_entropy(x, t, w)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        x, *others = bottoms
        for index, other in enumerate(others, 1):
            if count(x) != count(other):
                what = f"the shapes {show(x)} and {show(other)} have different numbers of elements"
                raise LayerError(what, "bottom", index)
        for field in ("normalization", "normalize", "ignore_label") if len(others) == 2 else ():
            if self.message.loss_param.HasField(field):
                hint = "the fork that has weights passes it over, without a word"
                what = "weights, the third bottom, say what counts and divide the sum"
                raise LayerError(what, "loss_param", field, hint=f"leave out {field}: {hint}")
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, target, *weights = bottoms
        if b.bottoms[0] != b.bottoms[1]:
            target = target.view_as(x)
        if weights:
            given = weights[0] if b.bottoms[0] == b.bottoms[2] else weights[0].view_as(x)
            return b.call(weighed_entropy, x, target, given)
        return self.loss(b, x, target)

    def loss(self, b: Builder, x: Expr, target: Expr) -> Expr:
        """The sum, divided by what the layer's get_normalizer counts."""
        options: Any = self.message.loss_param
        mode = normalization(options, BATCH_SIZE)
        entropy = F.binary_cross_entropy_with_logits
        if options.HasField("ignore_label"):
            # Caffe compares the label cut to a whole number.
            kept = b.let("kept", target.int() != options.ignore_label)
            total = b.call(entropy, x, target, weight=kept.to(x.dtype), reduction="sum")
            if mode == VALID:
                return total / kept.sum().clamp(min=1)
        else:
            total = b.call(entropy, x, target, reduction="sum")
        if mode == NONE:
            return total
        return total / at_least_one(b, x.shape[0] if mode == BATCH_SIZE else x.numel())


def weighed_entropy(
    x: torch.Tensor,
    target: torch.Tensor,
    weights: torch.Tensor,
) -> torch.Tensor:
    """The weighed mean of the binary cross entropy; 0 where no weight is left."""
    entropy = F.binary_cross_entropy_with_logits
    total = entropy(x, target, weight=weights, reduction="sum")
    whole = weights.sum()
    return torch.where(whole > 0, total / torch.where(whole > 0, whole, 1), 0 * total)
