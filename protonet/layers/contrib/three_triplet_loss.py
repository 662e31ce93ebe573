"""ThreeTripletLoss: an anchor nearer to its like than to another, of mix-and-match's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, single, torch


@register("ThreeTripletLoss")
class ThreeTripletLoss(Layer):
    """max(0, threshold + |a - p|^2 - |a - n|^2) / 2, on average over the batch.

    Anchors, their likes and others, (n, ...) each of one shape, to one number; threshold_param's
    threshold is the margin. Source: TripletLossLayer of XiaohangZhan's mix-and-match.
    """

    param = "threshold_param"
    bottoms = (3, 3)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "TripletLoss" bottom: "a" bottom: "p" bottom: "n" top: "y" '
            "threshold_param { threshold: 2 } }",
            {"a": (4, 5), "p": (4, 5), "n": (4, 5)},
            {"y": ()},
            "y = three_triplet_loss(a, p, n, 2.0)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if self.message.HasField("triplet_loss_param"):
            what = "triplet_loss_param is of other forks' TripletLoss, which is not supported"
            raise LayerError(what, "triplet_loss_param")
        for index, x in enumerate(bottoms):
            if x != bottoms[0] or not x:
                what = f"the shape {show(x)} is not that of the anchors, {show(bottoms[0])}"
                raise LayerError(what, "bottom", index)
        if not count(bottoms[0]):
            raise LayerError("it takes one triplet at least", "bottom", 0)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(three_triplet_loss, *bottoms, single(self.p.threshold))


def three_triplet_loss(
    anchor: torch.Tensor,
    like: torch.Tensor,
    other: torch.Tensor,
    margin: float = 0.0,
) -> torch.Tensor:
    """Half of how much nearer the others are than they may be, on average."""
    near = (anchor - like).square().flatten(1).sum(1)
    far = (anchor - other).square().flatten(1).sum(1)
    return (near - far + margin).relu().mean() / 2
