"""SigmoidCrossEntropyLoss: the cross entropy of logits and target probabilities."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.loss import BATCH_SIZE, NONE, VALID, at_least_one, check_batch, normalization
from protonet.program import Builder, Expr, F


@register("SigmoidCrossEntropyLoss")
class SigmoidCrossEntropyLoss(Layer):
    """The summed binary cross entropy of logits, divided as loss_param says, else by the batch.

    Two bottoms (n, ...) of as many elements, one number.
    Source: Caffe's SigmoidCrossEntropyLossLayer.
    """

    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "SigmoidCrossEntropyLoss" bottom: "x" bottom: "t" top: "y" }',
            {"x": (2, 10), "t": (2, 10)},
            {"y": ()},
            "y = y_part / max(1, x.shape[0])",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        x, target = bottoms
        if count(x) != count(target):
            what = f"the shapes {show(x)} and {show(target)} have different numbers of elements"
            raise LayerError(what, "bottom", 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, target = bottoms
        if b.bottoms[0] != b.bottoms[1]:
            target = target.view_as(x)
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
