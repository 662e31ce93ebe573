"""CenterLoss: how far features lie from the centre of their class."""

from __future__ import annotations

from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Shape,
    canonical_axis,
    count,
    register,
    show,
)
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn, single, torch


@register("CenterLoss")
class CenterLossLayer(Layer):
    """Half the squared (L2) or the absolute (L1) distance to the class's centre, over the batch.

    Features (n, ...) with all axes from ``axis`` on as one, labels (n,), one number. The centres
    go towards the mean of their class in the batch, by the sum of the differences over one more
    than their number, whatever the loss weighs. Source: the Caffe forks of ydwen and happynear,
    CenterLossLayer; Wen et al., A Discriminative Feature Learning Approach (2016).
    """

    param = "center_loss_param"
    bottoms = (2, 2)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "CenterLoss" bottom: "x" bottom: "label" top: "y" '
            "center_loss_param { num_output: 10 } }",
            {"x": (4, 5), "label": (4,)},
            {"y": ()},
            "self.loss = CenterLoss(5, 10)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        self.check_positive("num_output")
        if self.p.distance_type not in ("L1", "L2"):
            raise LayerError("distance_type is L1 or L2", "distance_type")
        if canonical_axis(self.p.axis, x) != 1:
            raise LayerError("only axis: 1 is supported, one vector an image", "axis")
        if count(labels) != x[0]:
            what = f"{x[0]} features take as many labels, the shape {show(labels)} has more or less"
            raise LayerError(what, "bottom", 1)
        return ((),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        shape = (self.p.num_output, count(bottoms[0], 1))
        return (Blob("centers", shape, self.p.center_filler),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, labels = bottoms
        squared = self.p.distance_type == "L2"
        size = count(b.bottoms[0], 1)
        weights = [single(w) for w in self.message.loss_weight if w] or [1.0]
        options = {"squared": squared, "loss_weight": weights[0]}
        loss = b.module(CenterLoss, size, self.p.num_output, **options)
        x = x.flatten(1) if len(b.bottoms[0]) > 2 else x
        flat = len(b.bottoms[1]) == 1
        return loss(x, labels if flat else labels.flatten())


class CenterLoss(nn.Module):
    """Distance of features to the centre of their class, which follows the class."""

    def __init__(
        self,
        inputs: int,
        classes: int,
        squared: bool = True,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.squared, self.loss_weight = squared, loss_weight
        self.centers = nn.Parameter(torch.zeros(classes, inputs))

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        labels = labels.long()
        apart = x - self.centers.detach()[labels]
        total = apart.square().sum() / 2 if self.squared else apart.abs().sum()
        # How far the centres go does not depend on what the loss weighs.
        slope = apart.detach() if self.squared else apart.detach().sign()
        members = slope.new_ones(len(self.centers))
        members = members.index_add(0, labels, slope.new_ones(slope.shape[0]))
        pull = torch.zeros_like(self.centers).index_add(0, labels, -slope)
        moved = (pull / members[:, None] * self.centers).sum() / self.loss_weight
        return total / x.shape[0] + (moved - moved.detach())
