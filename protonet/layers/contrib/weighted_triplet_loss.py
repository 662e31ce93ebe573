"""WeightedTripletLoss: an anchor nearer to its like than to another, of MAF's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, single, torch


@register("WeightedTripletLoss")
class WeightedTripletLoss(Layer):
    """weight * max(0, margin + |a - p|^2 - |a - n|^2) / 2, on average over the batch.

    Anchors, their likes and others, (n, c) each of one shape, all further axes 1, and a weight for
    each item, (n,), which takes no gradient, to one number. The fork's code for GPUs leaves the
    loss_weight out of the gradient; this is what its code for the CPU does, which is the same where
    loss_weight is 1. Source: TripletLossLayer of He-Zhenwei's MAF, where it is a TripletLoss.
    """

    param = "triplet_loss_param"
    bottoms = (4, 4)
    constants = (3,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "TripletLoss" bottom: "a" bottom: "p" bottom: "n" '
            'bottom: "w" top: "y" triplet_loss_param { margin: 0.5 } }',
            {"a": (4, 5), "p": (4, 5), "n": (4, 5), "w": (4, 1)},
            {"y": (1, 1, 1, 1)},
            "y = weighted_triplet_loss(a, p, n, w.flatten(), 0.5).view(1, 1, 1, 1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        anchors, *_, weights = bottoms
        if self.has("eps"):
            raise LayerError("eps is of another fork's TripletLoss", "eps")
        if len(anchors) < 2 or count(anchors, 2) != 1 or not anchors[0]:
            what = f"it takes one vector an item, (n, c), not {show(anchors)}"
            raise LayerError(what, "bottom", 0)
        for index, shape in enumerate(bottoms[:3]):
            if shape != anchors:
                what = f"the shape {show(shape)} is not that of the anchors, {show(anchors)}"
                raise LayerError(what, "bottom", index)
        if count(weights) != anchors[0]:
            what = f"{anchors[0]} items take as many weights, not the shape {show(weights)}"
            raise LayerError(what, "bottom", 3)
        return ((1, 1, 1, 1),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        *vectors, weights = bottoms
        if len(b.bottoms[0]) > 2:
            vectors = [x.flatten(1) for x in vectors]
        weights = weights if len(b.bottoms[3]) == 1 else weights.flatten()
        margin = single(self.p.margin)
        return b.call(weighted_triplet_loss, *vectors, weights, margin).view(1, 1, 1, 1)


def weighted_triplet_loss(
    anchor: torch.Tensor,
    like: torch.Tensor,
    other: torch.Tensor,
    weight: torch.Tensor,
    margin: float = 1.0,
) -> torch.Tensor:
    """Half of how much nearer the others are than they may be, weighed, on average."""
    near = (anchor - like).square().sum(1)
    far = (anchor - other).square().sum(1)
    return (weight.detach() * (near - far + margin).relu()).mean() / 2
