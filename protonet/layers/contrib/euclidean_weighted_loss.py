"""EuclideanWeightedLoss: squared differences that weigh more where the target is large."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr, single, torch


@register("EuclideanWeightedLoss")
class EuclideanWeightedLoss(Layer):
    """(|x - t|^2 + lambda * |(x - t) * t|^2) over twice the batch size.

    Two bottoms (n, ...) of one shape, one number. The target takes no gradient.
    Source: EuclideanWeightedLossLayer of shubhtuls' ViewpointsAndKeypoints.
    """

    param = "euclidean_weight_param"
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "EuclideanWeightedLoss" bottom: "x" bottom: "t" top: "y" '
            "euclidean_weight_param { lambda: 2 } }",
            {"x": (4, 5), "t": (4, 5)},
            {"y": ()},
            "y = weighted_squares(x, t, 2.0)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        x, target = bottoms
        if x != target:
            what = f"the shapes {show(x)} and {show(target)} differ"
            raise LayerError(what, "bottom", 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(weighted_squares, *bottoms, single(getattr(self.p, "lambda")))


def weighted_squares(x: torch.Tensor, target: torch.Tensor, more: float) -> torch.Tensor:
    """Half the squared differences, times 1 + more * target^2, over the batch size."""
    apart = (x - target).square() * (1 + more * target.square())
    return apart.sum() / (2 * x.shape[0])
