"""SigmoidCrossEntropyLossHongyuan: a cross entropy of masked logits, of an image encoder's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.loss import BATCH_SIZE, FULL, NONE, VALID, check_batch, normalization
from protonet.program import Builder, Expr, F, torch


@register("SigmoidCrossEntropyLossHongyuan")
class SigmoidCrossEntropyLossHongyuan(Layer):
    """The summed binary cross entropy of logits where neither of two masks is 0.

    Logits, targets and two masks (n, ...) of as many elements, to one number, divided as loss_param
    says, else by the batch; VALID counts what is not masked.
    Source: SigmoidCrossEntropyLossHongyuanLayer of autogyro's Bottom-Up image encoder.
    """

    bottoms = (4, 4)
    constants = (1, 2, 3)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "SigmoidCrossEntropyLossHongyuan" bottom: "x" bottom: "t" '
            'bottom: "m" bottom: "c" top: "y" }',
            {"x": (2, 10), "t": (2, 10), "m": (2, 10), "c": (2, 10)},
            {"y": ()},
            "y = masked_entropy(x, t, m, c) / 2",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        for index, x in enumerate(bottoms):
            if count(x) != count(bottoms[0]):
                what = f"the shapes {show(bottoms[0])} and {show(x)} hold not as many numbers"
                raise LayerError(what, "bottom", index)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        mode = normalization(self.message.loss_param, BATCH_SIZE)
        if mode == VALID:
            return b.call(masked_entropy, *bottoms, mean=True)
        total = b.call(masked_entropy, *bottoms)
        sizes = {FULL: count(b.bottoms[0]), BATCH_SIZE: b.bottoms[0][0]}
        return total if mode == NONE else total / max(sizes[mode], 1)


def masked_entropy(
    x: torch.Tensor,
    target: torch.Tensor,
    mask: torch.Tensor,
    other: torch.Tensor,
    mean: bool = False,
) -> torch.Tensor:
    """The cross entropy where both masks have another number than 0, their sum or mean."""
    target, mask, other = (t.reshape(x.shape) for t in (target, mask, other))
    counts = ((mask != 0) & (other != 0)).to(x.dtype)
    total = F.binary_cross_entropy_with_logits(x, target, counts, reduction="sum")
    return total / counts.sum().clamp(min=1) if mean else total
