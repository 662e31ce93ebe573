"""ContrastiveLoss: alike pairs together, others a margin apart."""

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
from protonet.program import Builder, Expr, single, torch


@register("ContrastiveLoss")
class ContrastiveLoss(Layer):
    """Half the mean of the squared distance of alike pairs, and of what others lack to a margin.

    Features (n, c) twice, alike (n,), one number.
    Source: Caffe's ContrastiveLossLayer; Hadsell, Chopra, LeCun, CVPR 2006.
    """

    param = "contrastive_loss_param"
    bottoms = (3, 3)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "ContrastiveLoss" bottom: "a" bottom: "b" '
            'bottom: "s" top: "y" }',
            {"a": (4, 6), "b": (4, 6), "s": (4,)},
            {"y": ()},
            "y = contrastive_loss(a, b, s)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        a, b, alike = bottoms
        check_legacy(bottoms)
        for index, shape in enumerate((a, b)):
            if not shape or count(shape, 2) != 1:
                raise LayerError(f"the features are (n, c), not {show(shape)}", "bottom", index)
        if (*a, 1)[:2] != (*b, 1)[:2]:
            raise LayerError(f"the shapes {show(a)} and {show(b)} differ", "bottom", 1)
        if count(alike) != a[0]:
            raise LayerError(f"{a[0]} pairs take {a[0]} labels, not {show(alike)}", "bottom", 2)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        legacy = bool(self.p.legacy_version)
        x, y, alike = bottoms
        if b.bottoms[1] != b.bottoms[0]:
            y = y.view_as(x)
        if len(b.bottoms[0]) == 1:
            x, y = x.unsqueeze(1), y.unsqueeze(1)
        return b.call(contrastive_loss, x, y, alike, margin=single(self.p.margin), legacy=legacy)


def contrastive_loss(
    a: torch.Tensor,
    b: torch.Tensor,
    alike: torch.Tensor,
    margin: float = 1.0,
    legacy: bool = False,
) -> torch.Tensor:
    """Half the mean over pairs of the squared distance, or of what lacks to the margin."""
    alike = alike.flatten().int() != 0
    square = (a - b).flatten(1).square().sum(1)
    other = square.masked_fill(alike, 0)
    if legacy:
        apart = (margin - other).clamp(min=0)
    else:
        # Caffe's gradient divides by the distance plus 1e-4, so it ends at a distance of zero.
        distance = other.detach().sqrt()
        lack = (margin - distance).clamp(min=0)
        apart = lack.square() - lack / (distance + 1e-4) * (other - other.detach())
    return torch.where(alike, square, apart).sum() / (2 * a.shape[0])
