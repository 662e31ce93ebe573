"""CosinAddm: an angle added to that of the label's class, of yuqj1991's fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.loss import check_label_a_row
from protonet.program import Builder, Expr, single, torch


@register("CosinAddm")
class CosinAddm(Layer):
    """Of each row's cosines make the label's that of an angle larger by m.

    Cosines (n, ...) with all axes but the first as one, labels (n,). Where the angle would be more
    than pi, it is the cosine less m sin(m); what is above 1 is 1. Also in testing, as the fork
    does it on a CPU, whatever transform_test says.
    Source: CosinAddmLayer of yuqj1991's caffe_train; Deng et al., ArcFace (2018).
    """

    param = "cosin_add_m_param"
    bottoms = (2, 2)
    constants = (1,)
    ignores = ("transform_test",)
    examples = (
        Example(
            'layer { name: "l" type: "CosinAddm" bottom: "x" bottom: "label" top: "y" }',
            {"x": (4, 5), "label": (4,)},
            {"y": (4, 5)},
            "y = angle_added(x, label, 0.5)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        check_label_a_row(x, labels, "cosines")
        return (x,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, labels = bottoms
        labels = labels if len(b.bottoms[1]) == 1 else labels.flatten()
        return b.call(angle_added, x, labels, single(self.p.m))


def angle_added(x: torch.Tensor, labels: torch.Tensor, angle: float) -> torch.Tensor:
    """Rows of cosines, the label's own that of a larger angle."""
    rows = x.flatten(1)
    index = labels.long()[:, None]
    given = rows.gather(1, index)
    cosine = given.detach().clamp(max=1)
    sine = (1 - cosine.square()).clamp(min=0).sqrt()
    far = cosine <= math.cos(math.pi - angle)
    turned = cosine * math.cos(angle) - sine * math.sin(angle)
    value = torch.where(far, cosine - math.sin(math.pi - angle) * angle, turned)
    slope = math.cos(angle) + math.sin(angle) * cosine / sine
    slope = torch.where(far | (sine == 0), 1, slope)
    own = value + slope * (given - given.detach())
    return rows.scatter(1, index, own).view_as(x)
