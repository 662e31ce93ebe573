"""SmoothL1LossOHEM: a smooth absolute loss, and that of each region, of the R-FCN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.loss import BATCH_SIZE, NONE, PRE_FIXED, VALID, check_batch, normalization
from protonet.program import Builder, Expr, F, number


@register("SmoothL1LossOHEM")
class SmoothL1LossOHEM(Layer):
    """The sum of smooth absolute differences, divided as loss_param says.

    Two bottoms of one shape (n, c, ...), and weights of that shape for the differences, to one
    number; a second top has the sum over the channels, (n, 1, h, w), without a gradient. FULL and
    VALID divide by the places, PRE_FIXED by pre_fixed_normalizer; by 1 at least.
    Source: SmoothL1LossLayer of daijifeng001's caffe-rfcn.
    """

    bottoms = (2, 3)
    tops = (1, 2)
    constants = (2,)
    is_loss = True
    honours = ("normalization",)
    examples = (
        Example(
            'layer { name: "l" type: "SmoothL1LossOHEM" bottom: "x" bottom: "target" '
            'bottom: "weight" top: "y" loss_param { normalization: PRE_FIXED '
            "pre_fixed_normalizer: 128 } }",
            {"x": (4, 8), "target": (4, 8), "weight": (4, 8)},
            {"y": ()},
            "y = l_each.sum() / 128",
        ),
        Example(
            'layer { name: "l" type: "SmoothL1LossOHEM" bottom: "x" bottom: "target" '
            'top: "y" top: "each" loss_weight: 1 loss_weight: 0 }',
            {"x": (4, 8, 1, 1), "target": (4, 8)},
            {"y": (), "each": (4, 1, 1, 1)},
            "y = l_each.sum() / x.shape[0]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        x = bottoms[0]
        for index, other in enumerate(bottoms[1:], 1):
            if count(other) != count(x) or other[:2] != x[:2]:
                what = f"the shape {show(other)} is not that of the first bottom, {show(x)}"
                raise LayerError(what, "bottom", index)
        if len(x) < 2 or len(x) > 4:
            raise LayerError(f"it takes 2 to 4 axes, not {len(x)}", "bottom", 0)
        return ((), (x[0], 1, *(*x[2:], 1, 1)[:2]))[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        x, *others = bottoms
        y, *weights = (
            other if shape == b.bottoms[0] else other.view_as(x)
            for other, shape in zip(others, b.bottoms[1:], strict=True)
        )
        pair = (weights[0] * x, weights[0] * y) if weights else (x, y)
        each = b.let("each", b.call(F.smooth_l1_loss, *pair, reduction="none"))
        mode = normalization(self.message.loss_param, VALID)
        loss: Expr = each.sum()
        if mode == PRE_FIXED:
            loss = loss / number(max(1, self.message.loss_param.pre_fixed_normalizer))
        elif mode != NONE:
            loss = loss / x.shape[0]
            for axis in range(2, len(b.bottoms[0]) if mode != BATCH_SIZE else 0):
                loss = loss / x.shape[axis] if b.bottoms[0][axis] > 1 else loss
        if len(b.tops) == 1:
            return (loss,)
        sums: Expr = each.detach().sum(1, keepdim=True)
        for _ in range(4 - len(b.bottoms[0])):
            sums = sums.unsqueeze(-1)
        return loss, sums
