"""FrcnnOutput: the objects that regions hold, of the Cascade R-CNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import apply_deltas
from protonet.layers.regions import check_nms, falling, region_nms, region_overlap, spread_of
from protonet.program import Builder, Expr, F, single, torch


@register("FrcnnOutput")
class FrcnnOutput(Layer):
    """Move regions by their codes, and keep for each class those that do not overlap.

    Chances (n, classes), codes (n, 4 * classes), or (n, 8) for cls_aware false, regions (n, 5) of
    image, x1, y1, x2, y2, or (n, 6) with a score, all of image 0, and its size (1, 2), height and
    width, to (found, 7, 1, 1) of image, x1, y1, x2, y2, class, chance; the first row is of no
    class. How many follows from the data, where shapes say 1. No gradient; no file is written.
    Source: FrcnnOutputLayer of zhaoweicai's cascade-rcnn.
    """

    param = "frcnn_output_param"
    bottoms = (4, 4)
    grows = 0
    ignores = ("save_output_param",)
    examples = (
        Example(
            'layer { name: "l" type: "FrcnnOutput" bottom: "x" bottom: "code" bottom: "region" '
            'bottom: "size" top: "y" frcnn_output_param { conf_thr: 0.05 max_det_num: 100 } }',
            {"x": (4, 3), "code": (4, 12), "region": (4, 5, 1, 1), "size": (1, 2, 1, 1)},
            {"y": (1, 7, 1, 1)},
            "y = found_objects(",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        chances, codes, regions, size = bottoms
        classes = count(chances, 1) if len(chances) > 1 else 0
        if classes < 2:
            raise LayerError(f"it takes chances (n, classes), not {show(chances)}", "bottom", 0)
        aware = self.message.bbox_reg_param.cls_aware
        widths = ((4 * classes,) if aware else (8,)), (5, 6)
        for index, (x, wide) in enumerate(zip((codes, regions), widths, strict=True), 1):
            if x[:1] != chances[:1] or count(x, 1) not in wide:
                what = f"{chances[0]} regions take {' or '.join(map(str, wide))} numbers each"
                raise LayerError(f"{what}, not {show(x)}", "bottom", index)
        if not size or size[0] != 1 or count(size, 1) != 2:
            raise LayerError(f"it takes one image's size (1, 2), not {show(size)}", "bottom", 3)
        spread_of(self.message)
        check_nms(self.p)
        return ((1, 7, 1, 1),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (apply_deltas, region_overlap, region_nms, falling):
            b.helper(helper)
        return b.call(
            found_objects,
            *bottoms,
            spread_of(self.message),
            least=single(self.p.conf_thr),
            overlap=single(self.p.iou_thr),
            over=self.p.nms_type,
            most=self.p.max_det_num,
            by_class=self.message.bbox_reg_param.cls_aware,
        )


def found_objects(
    chances: torch.Tensor,
    codes: torch.Tensor,
    regions: torch.Tensor,
    size: torch.Tensor,
    spread: tuple[tuple[float, ...], tuple[float, ...]],
    least: float = 0.0,
    overlap: float = 0.5,
    over: str = "IOU",
    most: int = 0,
    by_class: bool = True,
) -> torch.Tensor:
    """Rows of image, corners, class and chance, (k, 7, 1, 1)."""
    chances, regions = chances.detach().flatten(1), regions.detach().flatten(1)[:, 1:5]
    mean, deviation = (codes.new_tensor(v) for v in spread)
    codes = codes.detach().reshape(len(chances), -1, 4) * deviation + mean
    limit = size.detach().flatten().flip(0)
    found = []
    for label in range(1, chances.shape[1]):
        own = chances[:, label]
        boxes = apply_deltas(regions, codes[:, label if by_class else 1])
        far = torch.minimum(boxes[:, 2:] - 1, limit)
        corner = boxes[:, :2].clamp(min=0)
        group = torch.full_like(own[:, None], label)
        rows = torch.cat([corner, far, group, own[:, None]], 1)
        rows = rows[own >= least]
        rows = rows[falling(rows[:, 5])]
        sides = torch.cat([rows[:, :2], rows[:, 2:4] - rows[:, :2] + 1], 1)
        found.append(rows[region_nms(sides, overlap, "corners", over)])
    every = torch.cat(found)
    if 0 < most < len(every):
        order = every[:, 5].argsort(descending=True, stable=True)
        every = every[order[:most].sort()[0]]
    lone = F.pad(every.new_zeros(1, 1), (0, 6), value=-1)
    return torch.cat([lone, F.pad(every, (1, 0))])[:, :, None, None]
