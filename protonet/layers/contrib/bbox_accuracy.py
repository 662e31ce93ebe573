"""BboxAccuracy: how well regions fit their objects, moved and as they were, of the MS-CNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import apply_deltas
from protonet.layers.regions import spread_of
from protonet.program import Builder, Expr, torch


@register("BboxAccuracy")
class BboxAccuracy(Layer):
    """The mean overlap with their objects of regions moved by their codes, and of the regions.

    Codes (n, 4 * classes), regions (n, 5) and matched boxes (n, 6) of label, x1, y1, x2, y2 and
    overlap, to (1, 1, 1, 1) each. Regions without a label, and those that overlap by more than
    0.975, do not count; -1 where none does. With cls_aware false the codes are for any object, the
    second four of 8. No gradient. Source: BboxAccuracyLayer of zhaoweicai's mscnn and cascade-rcnn.
    """

    bottoms = (3, 3)
    tops = (1, 2)
    keeps = ()
    kind = "metric"
    examples = (
        Example(
            'layer { name: "l" type: "BboxAccuracy" bottom: "x" bottom: "regions" '
            'bottom: "matched" top: "y" top: "z" }',
            {"x": (4, 12), "regions": (4, 5, 1, 1), "matched": (4, 6, 1, 1)},
            {"y": (1, 1, 1, 1), "z": (1, 1, 1, 1)},
            "y, z = region_accuracy(",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        codes, *others = bottoms
        for index, (x, width) in enumerate(zip(others, (5, 6), strict=True), 1):
            if not x or x[:1] != codes[:1] or count(x, 1) != width:
                what = f"it takes {width} numbers for each of {show(codes[:1])} regions"
                raise LayerError(f"{what}, not {show(x)}", "bottom", index)
        aware = self.message.bbox_reg_param.cls_aware
        if count(codes, 1) % 4 or (not aware and count(codes, 1) != 8):
            what = "codes are 4 for each class" if aware else "codes for any object are 8"
            raise LayerError(f"{what}, not {count(codes, 1)}", "bottom", 0)
        spread_of(self.message)
        return ((1, 1, 1, 1),) * len(self.message.top)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        b.helper(apply_deltas)
        b.helper(pixel_overlap)
        aware = self.message.bbox_reg_param.cls_aware
        found = b.call(region_accuracy, *bottoms, spread=spread_of(self.message), by_class=aware)
        return found if len(b.tops) == 2 else (found[0],)


def region_accuracy(
    codes: torch.Tensor,
    regions: torch.Tensor,
    matched: torch.Tensor,
    spread: tuple[tuple[float, ...], tuple[float, ...]],
    by_class: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean overlap of the moved regions and of the regions, (1, 1, 1, 1) each."""
    matched, regions = matched.detach().flatten(1), regions.detach().flatten(1)[:, 1:]
    label = matched[:, 0].long()
    real = (label > 0) & (matched[:, 5] <= 0.975)
    label, matched, regions = label[real], matched[real, 1:5], regions[real]
    group = label if by_class else label.clamp(max=1)
    own = codes.detach().reshape(len(codes), -1, 4)[real, group]
    mean, deviation = (codes.new_tensor(v) for v in spread)
    moved = apply_deltas(regions, own * deviation + mean)
    moved = moved - codes.new_tensor([0, 0, 1, 1])
    number = len(label)
    sums = (pixel_overlap(boxes, matched).sum() for boxes in (moved, regions))
    after, before = (total / max(number, 1) - int(number == 0) for total in sums)
    return after.reshape(1, 1, 1, 1), before.reshape(1, 1, 1, 1)


def pixel_overlap(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Intersection over union of boxes (n, 4), row by row; corners are a part of their boxes."""
    size, other = a[:, 2:] - a[:, :2] + 1, b[:, 2:] - b[:, :2] + 1
    far, near = torch.minimum(a[:, 2:], b[:, 2:]), torch.maximum(a[:, :2], b[:, :2])
    shared = (far - near + 1).clamp(min=0).prod(1)
    real = (size > 0).all(1) & (other > 0).all(1)
    return torch.where(real, shared / (size.prod(1) + other.prod(1) - shared), 0)
