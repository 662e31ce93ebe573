"""DecodeBBox: the boxes that regions become, of the Cascade R-CNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import apply_deltas
from protonet.layers.regions import spread_of
from protonet.program import Builder, Expr, single, torch


@register("DecodeBBox")
class DecodeBBox(Layer):
    """Move and scale regions by the codes of objects of any class.

    Codes (n, 8), the second four of which count, regions (n, 5) of image, x1, y1, x2, y2, and in
    TRAIN matched boxes (n, 6) whose last number is the overlap, to regions (kept, 5, 1, 1). TRAIN
    leaves out boxes that are inside out, and those whose region overlaps its object by gt_iou_thr
    or more. No gradient. Source: DecodeBBoxLayer of zhaoweicai's mscnn and cascade-rcnn.
    """

    param = "decode_bbox_param"
    bottoms = (2, 3)
    grows = 0
    examples = (
        Example(
            'layer { name: "l" type: "DecodeBBox" bottom: "x" bottom: "regions" top: "y" '
            "bbox_reg_param { bbox_mean: 0 bbox_mean: 0 bbox_mean: 0 bbox_mean: 0 "
            "bbox_std: 0.1 bbox_std: 0.1 bbox_std: 0.2 bbox_std: 0.2 } }",
            {"x": (4, 8), "regions": (4, 5, 1, 1)},
            {"y": (4, 5, 1, 1)},
            "y = decoded_regions(",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for index, (x, width) in enumerate(zip(bottoms, (8, 5), strict=False)):
            if not x or x[0] != bottoms[0][0] or count(x, 1) != width:
                what = f"it takes {width} numbers for each of {bottoms[0][:1]} regions"
                raise LayerError(f"{what}, not {show(x)}", "bottom", index)
        if len(bottoms) == 3 and self.phase != "TRAIN":
            raise LayerError("matched boxes are for the phase TRAIN", "bottom", 2)
        if len(bottoms) == 3 and bottoms[2][:1] != bottoms[0][:1]:
            what = f"matched boxes are as many as regions, not {show(bottoms[2])}"
            raise LayerError(what, "bottom", 2)
        spread_of(self.message)
        return ((bottoms[0][0], 5, 1, 1),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(apply_deltas)
        most = single(self.p.gt_iou_thr) if len(bottoms) == 3 else None
        spread = spread_of(self.message)
        trains = self.phase == "TRAIN"
        return b.call(decoded_regions, *bottoms, spread=spread, trains=trains, most=most)


def decoded_regions(
    codes: torch.Tensor,
    regions: torch.Tensor,
    matched: torch.Tensor | None = None,
    spread: tuple[tuple[float, ...], tuple[float, ...]] = ((0.0,), (1.0,)),
    trains: bool = False,
    most: float | None = None,
) -> torch.Tensor:
    """Regions (k, 5, 1, 1), moved by the second four codes."""
    mean, deviation = (codes.new_tensor(v) for v in spread)
    deltas = codes.detach().reshape(len(codes), 8)[:, 4:] * deviation + mean
    regions = regions.detach().reshape(-1, 5)
    boxes = apply_deltas(regions[:, 1:], deltas) - deltas.new_tensor([0, 0, 1, 1])
    kept = torch.ones_like(regions[:, 0], dtype=torch.bool)
    if trains:
        kept = (boxes[:, :2] <= boxes[:, 2:]).all(1)
    if matched is not None and most is not None:
        kept = kept & (matched.detach().flatten(1)[:, -1] < most)
    return torch.cat([regions[:, :1], boxes], 1)[kept][:, :, None, None]
