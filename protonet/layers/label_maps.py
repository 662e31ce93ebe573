"""The tops of data layers that give an image's truth as maps, one for each field."""

from __future__ import annotations

from protonet.layers.base import Layer, LayerError, Shape
from protonet.layers.batch import channels, transform_of


def label_maps(layer: Layer, size: tuple[int, int], strides: str, boxes: int) -> tuple[Shape, ...]:
    """Images (n, 3, h, w), truth (n, 6, h / stride, w / stride) for each stride, boxes (1, boxes).

    ``strides`` is the field that has them, ``boxes`` the numbers of a true box, which
    output_gt_boxes asks for. LayerError where the tops are not as many.
    """
    p = layer.p
    layer.check_positive("batch_size")
    if p.coord_num != 4:
        raise LayerError(f"coord_num is 4, not {p.coord_num}", "coord_num")
    given = list(getattr(p, strides))
    for field in (strides, "field_w", "field_h"):
        values = getattr(p, field)
        if len(values) != len(given) or 0 in values:
            what = f"{field} is positive and given {len(given)} times, as {strides} is"
            raise LayerError(what, *[field] * layer.has(field))
    wanted = 1 + len(given) + p.output_gt_boxes
    if len(layer.message.top) != wanted:
        what = f"{len(given)} times {strides}"
        what += " and output_gt_boxes make" if p.output_gt_boxes else " makes"
        raise LayerError(f"{what} {wanted} tops, not {len(layer.message.top)}", "top")
    item = channels(transform_of(layer, 3))
    maps = ((p.batch_size, 6, *(nearest(n / stride) for n in size)) for stride in given)
    last = ((1, boxes, 1, 1),) * p.output_gt_boxes
    return ((p.batch_size, item, *size), *maps, *last)


def nearest(value: float) -> int:
    """The nearest whole number of one that is not negative, halves up."""
    return int(value + 0.5)
