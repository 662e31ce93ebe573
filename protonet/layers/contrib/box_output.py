"""BoxOutput: the regions of a proposal network with many fields, of the MS-CNN fork."""

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


@register("BoxOutput")
class BoxOutput(Layer):
    """Keep the best boxes of several maps that do not overlap, as regions.

    Maps (n, classes + 4, h, w) of scores and codes, of one field and one downsample_rate each, to
    regions (found, 5, 1, 1) of image, x1, y1, x2, y2 in pixels; a second top has their scores too,
    (found, 6, 1, 1). A score is that of the best class less that of background. How many follows
    from the data, where shapes say 1; where none is, one region stands from 1 to 10. No gradient.
    Source: BoxOutputLayer of zhaoweicai's mscnn.
    """

    param = "box_output_param"
    bottoms = (1, None)
    tops = (1, 2)
    grows = 0
    examples = (
        Example(
            'layer { name: "l" type: "BoxOutput" bottom: "x" bottom: "z" top: "y" '
            "box_output_param { fg_thr: -5 iou_thr: 0.65 field_w: 40 field_w: 80 field_h: 40 "
            "field_h: 80 downsample_rate: 8 downsample_rate: 16 field_whr: 2 field_xyr: 2 "
            "max_nms_num: 2000 } }",
            {"x": (1, 6, 4, 5), "z": (1, 6, 2, 3)},
            {"y": (1, 5, 1, 1)},
            "y = best_fields(",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for field in ("field_w", "field_h", "downsample_rate"):
            given = getattr(self.p, field)
            if len(given) != len(bottoms) or 0 in given:
                what = f"{field} is positive and given once for each of {len(bottoms)} bottoms"
                raise LayerError(what, *[field] * self.has(field))
        for index, x in enumerate(bottoms):
            if len(x) != 4 or x[:2] != bottoms[0][:2] or x[1] < 6:
                what = "it takes maps (n, c, h, w) of 2 classes and 4 codes or more, all as many"
                raise LayerError(f"{what}, not {show(x)}", "bottom", index)
        spread_of(self.message)
        bounds_of(self.p)
        check_nms(self.p)
        return ((1, 5, 1, 1), (1, 6, 1, 1))[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        for helper in (field_grid, field_boxes, region_overlap, region_nms, falling, best_regions):
            b.helper(helper)
        fields = list(zip(self.p.field_w, self.p.field_h, strict=True))
        regions = b.call(
            best_fields,
            list(bottoms),
            fields,
            list(self.p.downsample_rate),
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


def best_fields(
    maps: list[torch.Tensor],
    fields: list[tuple[int, int]],
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
    images: list[list[torch.Tensor]] = [[] for _ in range(maps[0].shape[0])]
    for given, field, stride in zip(maps, fields, strides, strict=True):
        x = given.detach()
        shown = x[:, 1:-4].amax(1, keepdim=True) - x[:, :1]
        boxes = field_boxes(x[:, -4:], [field], stride, spread, bounds)
        limit = boxes.new_tensor([x.shape[3], x.shape[2]])[:, None, None] * stride
        corner = boxes[:, :2].clamp(min=0)
        size = torch.minimum(boxes[:, 2:], limit - corner)
        rows = torch.cat([corner, size, shown], 1).flatten(2).movedim(1, 2)
        for image, each in zip(images, rows, strict=True):
            image.append(each[each[:, 4] >= score])
    joined = [torch.cat(image) for image in images]
    return best_regions(joined, overlap, "edges", over, least, before, most)
