"""WeightedEuclideanLoss: squared differences times weights, of dumpinfo's RLTerrain."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr


@register("WeightedEuclideanLoss")
class WeightedEuclideanLoss(Layer):
    """The sum of weight * (x - t)^2 over twice the batch size.

    Three bottoms (n, ...) of as many elements, the third the weights; one number.
    Source: WeightedEuclideanLossLayer of RLTerrain's Caffe.
    """

    bottoms = (3, 3)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "WeightedEuclideanLoss" bottom: "x" bottom: "t" '
            'bottom: "w" top: "y" }',
            {"x": (4, 5), "t": (4, 5), "w": (4, 5)},
            {"y": ()},
            "y = ((x - t).square() * w).sum() / (2 * x.shape[0])",
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
        x, *others = bottoms
        alike = zip(others, b.bottoms[1:], strict=True)
        target, weight = (o if s == b.bottoms[0] else o.view_as(x) for o, s in alike)
        return ((x - target).square() * weight).sum() / (2 * x.shape[0])
