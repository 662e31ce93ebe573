"""BoxGroupOutput: the regions of a proposal network with many fields, of the Cascade R-CNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.regions import (
    best_regions,
    bounds_of,
    check_nms,
    falling,
    field_boxes,
    field_grid,
    region_nms,
    region_overlap,
    spread_of,
)
from protonet.program import Builder, Expr, single, torch


@register("BoxGroupOutput")
class BoxGroupOutput(Layer):
    """Keep the best boxes of several maps that do not overlap, as regions.

    For each box_group_param chances (n * fields, classes, h, w) and codes (n * fields, 4, h, w), to
    regions (found, 5, 1, 1) of image, x1, y1, x2, y2 in pixels; a second top has their scores too,
    (found, 6, 1, 1). A score is the chance of no background. How many follows from the data, where
    shapes say 1; where none is, one region stands from 1 to 10. No gradient.
    Source: BoxGroupOutputLayer of zhaoweicai's cascade-rcnn.
    """

    param = "box_group_output_param"
    bottoms = (2, None)
    tops = (1, 2)
    grows = 0
    examples = (
        Example(
            'layer { name: "l" type: "BoxGroupOutput" bottom: "x" bottom: "code" top: "y" '
            "box_group_output_param { iou_thr: 0.7 box_group_param { stride: 16 field_w: 40 "
            "field_w: 80 field_h: 40 field_h: 80 } max_nms_num: 6000 } }",
            {"x": (2, 3, 4, 5), "code": (2, 4, 4, 5)},
            {"y": (1, 5, 1, 1)},
            "y = best_groups(",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        groups = self.p.box_group_param
        if len(bottoms) != 2 * len(groups):
            what = f"{len(groups)} times box_group_param take twice as many bottoms"
            raise LayerError(f"{what}, not {len(bottoms)}", "bottom", len(bottoms) - 1)
        images = set()
        for index, group in enumerate(groups):
            fields, x, codes = len(group.field_w), *bottoms[2 * index : 2 * index + 2]
            if not fields or fields != len(group.field_h) or group.stride < 1:
                what = "a group has a stride and as many field_w as field_h"
                raise LayerError(what, "box_group_param", index)
            if len(x) != 4 or x[1] != bottoms[0][1] or x[0] % fields or x[1] < 2:
                what = f"{fields} fields take maps (n * {fields}, classes, h, w), not {show(x)}"
                raise LayerError(what, "bottom", 2 * index)
            if codes != (x[0], 4, *x[2:]):
                what = f"the codes of {show(x)} are {show((x[0], 4, *x[2:]))}, not {show(codes)}"
                raise LayerError(what, "bottom", 2 * index + 1)
            images.add(x[0] // fields)
        if len(images) != 1:
            raise LayerError("its maps are of other numbers of images", "bottom", 0)
        spread_of(self.message)
        bounds_of(self.p)
        check_nms(self.p)
        return ((1, 5, 1, 1), (1, 6, 1, 1))[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        for helper in (field_grid, field_boxes, region_overlap, region_nms, falling, best_regions):
            b.helper(helper)
        groups = self.p.box_group_param
        regions = b.call(
            best_groups,
            list(zip(bottoms[::2], bottoms[1::2], strict=True)),
            [list(zip(each.field_w, each.field_h, strict=True)) for each in groups],
            [each.stride for each in groups],
            spread=spread_of(self.message),
            bounds=bounds_of(self.p),
            score=single(self.p.fg_thr),
            overlap=single(self.p.iou_thr),
            over=self.p.nms_type,
            least=single(self.p.min_size),
            before=self.p.max_nms_num,
            most=self.p.max_post_nms_num,
        )
        return regions if len(b.tops) == 2 else (regions[0],)


def best_groups(
    maps: list[tuple[torch.Tensor, torch.Tensor]],
    fields: list[list[tuple[int, int]]],
    strides: list[int],
    spread: tuple[tuple[float, ...], tuple[float, ...]],
    bounds: tuple[float, float],
    score: float = 0.0,
    overlap: float = 0.5,
    over: str = "IOU",
    least: float = 15.0,
    before: int = 0,
    most: int = 0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Regions (k, 5, 1, 1), and with their scores (k, 6, 1, 1)."""
    number = maps[0][0].shape[0] // len(fields[0])
    images: list[list[torch.Tensor]] = [[] for _ in range(number)]
    for (x, code), field, stride in zip(maps, fields, strides, strict=True):
        shown = 1 - x.detach()[:, :1]
        boxes = field_boxes(code.detach(), field, stride, spread, bounds)
        limit = boxes.new_tensor([x.shape[3], x.shape[2]])[:, None, None] * stride
        far = torch.minimum(boxes[:, :2] + boxes[:, 2:] - 1, limit)
        corner = boxes[:, :2].clamp(min=0)
        rows = torch.cat([corner, far - corner + 1, shown], 1).flatten(2).movedim(1, 2)
        for image, each in zip(images, rows.reshape(number, -1, 5), strict=True):
            image.append(each[each[:, 4] >= score])
    joined = [torch.cat(image) for image in images]
    return best_regions(joined, overlap, "corners", over, least, before, most)
