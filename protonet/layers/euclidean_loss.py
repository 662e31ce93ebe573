"""EuclideanLoss: half the squared distance of two blobs."""

from __future__ import annotations

from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Shape,
    check_legacy,
    count,
    register,
    show,
)
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr, F


@register("EuclideanLoss")
class EuclideanLoss(Layer):
    """The sum of squared differences over twice the batch size.

    Two bottoms (n, ...) of as many elements, one number. Source: Caffe's EuclideanLossLayer.
    """

    bottoms = (2, 2)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "EuclideanLoss" bottom: "x" bottom: "t" top: "y" }',
            {"x": (2, 10), "t": (2, 10)},
            {"y": ()},
            'y = F.mse_loss(x, t, reduction="sum") / (2 * x.shape[0])',
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        check_legacy(bottoms)
        x, target = bottoms
        if count(x, 1) != count(target, 1):
            what = f"the shapes {show(x)} and {show(target)} have different numbers of elements"
            raise LayerError(what, "bottom", 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, target = bottoms
        if b.bottoms[0] != b.bottoms[1]:
            target = target.view_as(x)
        return b.call(F.mse_loss, x, target, reduction="sum") / (2 * x.shape[0])
