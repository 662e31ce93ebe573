"""SmoothL1Loss: squared near zero and linear beyond, of the Fast R-CNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr, F, single
from protonet.schema.pool import Message


@register("SmoothL1Loss")
class SmoothL1Loss(Layer):
    """The sum of smooth absolute differences, divided by the batch size.

    Two bottoms of one shape (n, ...), and weights of that shape for the differences and for their
    losses, to one number; with four bottoms a second top has the sum over the channels,
    (n, 1, h, w), without a gradient. Below 1 / sigma² it is a square. With two or three bottoms
    and such a top, or a normalization, it is R-FCN's SmoothL1LossOHEM.
    Source: SmoothL1LossLayer of rbgirshick's caffe-fast-rcnn, SSD and zhaoweicai's cascade-rcnn.
    """

    param = "smooth_l1_loss_param"
    bottoms = (2, 4)
    tops = (1, 2)
    constants = (2, 3)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "SmoothL1Loss" bottom: "x" bottom: "target" top: "y" }',
            {"x": (2, 8), "target": (2, 8)},
            {"y": ()},
            'y = F.smooth_l1_loss(x, target, reduction="sum") / x.shape[0]',
        ),
        Example(
            'layer { name: "l" type: "SmoothL1Loss" bottom: "x" bottom: "target" '
            'bottom: "inside" bottom: "outside" top: "y" smooth_l1_loss_param { sigma: 2 } }',
            {"x": (2, 8), "target": (2, 8), "inside": (2, 8), "outside": (2, 8)},
            {"y": ()},
            "y = (outside * l_each).sum() / x.shape[0]",
        ),
        Example(
            'layer { name: "l" type: "SmoothL1Loss" bottom: "x" bottom: "target" '
            'bottom: "inside" bottom: "outside" top: "y" top: "each" loss_weight: 1 '
            "loss_weight: 0 }",
            {"x": (4, 8), "target": (4, 8), "inside": (4, 8), "outside": (4, 8)},
            {"y": (), "each": (4, 1, 1, 1)},
            "each = l_weighed.detach().sum(1, keepdim=True).unsqueeze(-1).unsqueeze(-1)",
        ),
    )

    @classmethod
    def form(cls, message: Message) -> str:
        several = len(message.top) > 1 or message.loss_param.HasField("normalization")
        return "SmoothL1LossOHEM" if several and len(message.bottom) < 4 else ""

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        for index, x in enumerate(bottoms[1:], 1):
            if count(x) != count(bottoms[0]) or x[:2] != bottoms[0][:2]:
                what = f"the shape {show(x)} is not that of the first bottom, {show(bottoms[0])}"
                raise LayerError(what, "bottom", index)
        if self.p.sigma <= 0:
            raise LayerError(f"sigma must be positive, not {single(self.p.sigma)}", "sigma")
        loss = self.message.loss_param
        if loss.HasField("normalization") or loss.HasField("normalize"):
            what = "it always divides by the batch size"
            hint = "R-FCN's SmoothL1LossOHEM has a normalization"
            raise LayerError(what, "loss_param", hint=hint)
        x = bottoms[0]
        if len(self.message.top) == 1:
            return ((),)
        if not 2 <= len(x) <= 4:
            raise LayerError(f"a loss of each region takes 2 to 4 axes, not {len(x)}", "bottom", 0)
        return (), (x[0], 1, *(*x[2:], 1, 1)[:2])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        x, *others = bottoms
        y, *weights = (
            other if shape == b.bottoms[0] else other.view_as(x)
            for other, shape in zip(others, b.bottoms[1:], strict=True)
        )
        options = {"beta": single(1 / self.p.sigma**2)}
        if not weights:
            total = b.call(F.smooth_l1_loss, x, y, reduction="sum", **options)
            return total / x.shape[0]
        inside = weights[0]
        each = b.call(F.smooth_l1_loss, inside * x, inside * y, reduction="none", **options)
        if len(weights) == 2:
            each = weights[1] * b.let("each", each)
        if len(b.tops) == 1:
            return each.sum() / x.shape[0]
        weighed = b.let("weighed", each)
        rows: Expr = weighed.detach().sum(1, keepdim=True)
        for _ in range(4 - len(b.bottoms[0])):
            rows = rows.unsqueeze(-1)
        return weighed.sum() / x.shape[0], rows
