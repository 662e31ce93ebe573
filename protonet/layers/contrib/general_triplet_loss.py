"""GeneralTripletLoss: the distance to the own class, below those to others by a margin."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr, single, torch


@register("GeneralTripletLoss")
class GeneralTripletLossLayer(Layer):
    """How far the distance to the own class is not below those to others by a margin.

    Distances (n, ...) with all axes but the first as one, labels (n,), to their sum over n; a
    second top has the means of the own and of the other distances, (2,). hardest_only keeps the
    nearest other class. The gradient is the fork's: of the own distance positive_weight once,
    always with add_center_loss, else where another class is too near.
    Source: happynear's Caffe fork, GeneralTripletLossLayer; Wang et al., NormFace (2017).
    """

    param = "general_triplet_loss_param"
    bottoms = (2, 2)
    tops = (1, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "GeneralTripletLoss" bottom: "x" bottom: "label" top: "y" '
            'top: "means" loss_weight: 1 loss_weight: 0 '
            "general_triplet_loss_param { margin: 0.8 hardest_only: true } }",
            {"x": (4, 5), "label": (4,)},
            {"y": (), "means": (2,)},
            "y, means = general_triplet_loss(x, label, margin=0.8)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        x, labels = bottoms
        if count(labels) != x[0]:
            what = f"{x[0]} rows take as many labels, the shape {show(labels)} has more or less"
            raise LayerError(what, "bottom", 1)
        return ((), (2,))[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        p, (x, labels) = self.p, bottoms
        options: dict[str, object] = {
            "margin": single(p.margin),
            "add_center_loss": bool(p.add_center_loss),
            "hardest_only": bool(p.hardest_only),
            "positive_weight": single(p.positive_weight),
            "negative_weight": single(p.negative_weight),
        }
        if p.positive_first:
            options["bound"] = single(p.positive_upper_bound)
        x = x if len(b.bottoms[0]) == 2 else x.flatten(1)
        labels = labels if len(b.bottoms[1]) == 1 else labels.flatten()
        loss = b.call(general_triplet_loss, x, labels, **options)
        return loss if len(b.tops) == 2 else loss[0]


def general_triplet_loss(
    x: torch.Tensor,
    labels: torch.Tensor,
    margin: float = 0.2,
    add_center_loss: bool = True,
    hardest_only: bool = False,
    positive_weight: float = 1.0,
    negative_weight: float = 1.0,
    bound: float | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of distances to classes, and the means of those to the own and to others.

    Rows whose own distance is above ``bound`` only lessen that.
    """
    data, index = x.detach(), labels.long()[:, None]
    own = data.gather(1, index)
    is_own = torch.zeros_like(data, dtype=torch.bool).scatter(1, index, True)
    part = ((own + margin - data).clamp(min=0) * negative_weight).masked_fill(is_own, 0)
    near = ~is_own & (own + margin > data)
    if hardest_only:
        most = part.argmax(1, keepdim=True)
        hardest = torch.zeros_like(is_own).scatter(1, most, True) & (part > 0)
        part, near = part * hardest, hardest
    # Of the hardest class at the distance 0 the fork leaves the loss for a gradient.
    left = near & (data == 0) if hardest_only else torch.zeros_like(near)
    slope = torch.where(left, part, -negative_weight * near)
    counted = (near & ~left).any(1, keepdim=True) | add_center_loss
    slope = torch.where(is_own, positive_weight * counted, slope)
    if bound is not None:
        far = own > bound
        part = part.masked_fill(far, 0)
        slope = torch.where(far, positive_weight * is_own, slope)
    value, path = part.abs().sum() / len(x), (x * slope).sum() / len(x)
    others = (data.sum() - own.sum()) / (data.shape[1] - 1)
    means = torch.stack([own.sum(), others]) / len(x)
    return value + (path - path.detach()), means
