"""L1Loss: absolute differences, as NVIDIA's and FlowNet's forks have them."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, single, torch


@register("L1Loss")
class L1Loss(Layer):
    """The sum of the absolute differences of two blobs, over the batch size.

    (n, ...) twice, or with a field of FlowNet's their difference (n, c, ...) as one; one number.
    FlowNet's counts NaN as 0, and differences below ``plateau`` too; l2_per_location takes the
    length of each place's differences, sqrt(sum + epsilon), with l2_prescale_by_channels of their
    mean; normalize_by_num_entries divides by the number of known places. Source: L1LossLayer of
    NVIDIA's Caffe fork and of FlowNet2's.
    """

    param = "l1_loss_param"
    bottoms = (1, 2)
    backward_reads = ("bottoms",)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "L1Loss" bottom: "x" bottom: "label" top: "y" }',
            {"x": (4, 3, 5, 5), "label": (4, 3, 5, 5)},
            {"y": ()},
            "y = (x - label).abs().sum() / x.shape[0]",
        ),
        Example(
            'layer { name: "loss" type: "L1Loss" bottom: "x" bottom: "label" top: "y" '
            "l1_loss_param { l2_per_location: true } }",
            {"x": (4, 2, 5, 5), "label": (4, 2, 5, 5)},
            {"y": ()},
            "y = l1_loss(x - label)",
        ),
    )

    @property
    def is_plain(self) -> bool:
        """Whether nothing tells it from NVIDIA's."""
        return len(self.message.bottom) == 2 and not self.p.ListFields()

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, target = bottoms[0], bottoms[-1]
        if not x or x[:1] != target[:1] or count(x) != count(target):
            what = f"the shapes {show(x)} and {show(target)} must hold as many numbers each"
            raise LayerError(what, "bottom", 1)
        if not self.is_plain and (x != target or len(x) < 2):
            what = f"FlowNet's takes (n, c, ...) of one shape, not {show(x)} and {show(target)}"
            raise LayerError(what, "bottom", len(bottoms) - 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, *target = bottoms
        if self.is_plain:
            other = target[0] if b.bottoms[0] == b.bottoms[1] else target[0].view_as(x)
            return (x - other).abs().sum() / x.shape[0]
        options: dict[str, object] = {"by_place": True} if self.p.l2_per_location else {}
        if self.p.l2_per_location and self.p.l2_prescale_by_channels:
            options["mean"] = True
        if self.p.normalize_by_num_entries:
            options["by_known"] = True
        if self.p.l2_per_location and single(self.p.epsilon) != 0.01:
            options["epsilon"] = single(self.p.epsilon)
        if self.p.plateau > 0:
            options["plateau"] = single(self.p.plateau)
        return b.call(l1_loss, x - target[0] if target else x, **options)


def l1_loss(
    apart: torch.Tensor,
    by_place: bool = False,
    mean: bool = False,
    by_known: bool = False,
    epsilon: float = 0.01,
    plateau: float = 0.0,
) -> torch.Tensor:
    """The sum of sizes of differences, or of their lengths by place; NaN counts as 0."""
    known = ~apart.isnan()
    places = known.sum() / apart.shape[1] if by_known else apart.shape[0]
    apart = torch.where(known, apart, 0)
    if not by_place:
        apart = torch.where(apart.abs() < plateau, 0, apart)
        return torch.where(apart > 0, apart, -apart).sum() / places
    squares = apart.square().sum(1)
    squares = squares / apart.shape[1] if mean else squares
    squares = torch.where(squares.abs() < plateau**2, 0, squares)
    return (squares + epsilon).sqrt().sum() / places
