"""RankingLoss: the true class's score above all others by a margin, of DeViSE's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr, single, torch


@register("RankingLoss")
class RankingLoss(Layer):
    """The sum of max(0, margin - own score + other score) over the other classes, on average.

    Scores (n, ...), labels (n,), to one number. With ``trunc`` the first other class that is too
    near counts alone. Source: RankingLossLayer of Qi-Xian's DeVise.
    """

    param = "ranking_loss_param"
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "RankingLoss" bottom: "x" bottom: "label" top: "y" '
            "ranking_loss_param { margin: 0.5 } }",
            {"x": (4, 5), "label": (4,)},
            {"y": ()},
            "y = ranking_loss(x, label, 0.5)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        x, label = bottoms
        if count(label) != x[0] or not count(x):
            what = f"{x[0]} rows of scores take as many labels, not {show(label)}"
            raise LayerError(what, "bottom", 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(ranking_loss, *bottoms, single(self.p.margin), first=self.p.trunc)


def ranking_loss(
    x: torch.Tensor, label: torch.Tensor, margin: float = 0.1, first: bool = False
) -> torch.Tensor:
    """How much the others' scores come too near, all or the first, on average over the batch."""
    x, own = x.flatten(1), label.flatten().long()[:, None]
    near = (margin - x.gather(1, own) + x).relu()
    near = near.scatter(1, own, 0)
    if first:
        near = torch.where((near > 0).cumsum(1) == 1, near, 0)
    return near.sum() / x.shape[0]
