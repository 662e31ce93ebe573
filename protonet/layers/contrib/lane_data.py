"""LaneData: images with the lanes of a road and their mask, of the MobileNet-YOLO fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import batch_shapes, channels, transform_of, unknown

_FIT_SMALL = 2
_LANES, _POINTS, _NUMBERS = 5, 64, 3


@register("LaneData")
class LaneData(Layer):
    """Batches of images from a database, their lanes, and a mask of the lanes.

    To (n, c, h, w), at most 5 lanes of 64 points (n, 5, 64, 3), and (n, 1, h / seg_scales, w /
    seg_scales), or seg_resize_width and seg_resize_height in this order, as the fork has them. It
    has the shapes; its databases are not read. Source: LaneDataLayer of eric612's MobileNet-YOLO.
    """

    param = "data_param"
    bottoms = (0, 0)
    tops = (1, 3)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "LaneData" top: "data" top: "label" top: "mask" '
            "transform_param { resize_param { height: 32 width: 16 } } "
            'data_param { source: "db" batch_size: 2 } annotated_data_param { seg_scales: 4 } }',
            {},
            {"data": (2, 3, 32, 16), "label": (2, 5, 64, 3), "mask": (2, 1, 8, 4)},
            "def forward(self, data, label, mask):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        transform, p = transform_of(self), self.message.annotated_data_param
        resizes = transform.resize_param
        if not len(resizes) or resizes[0].resize_mode == _FIT_SMALL:
            raise unknown(self.message, "no resize_param states one size for all images")
        size = resizes[0].height, resizes[0].width
        if min(size) < 1:
            what = f"its resize_param makes images of {size[0]}x{size[1]}"
            raise LayerError(what, "transform_param", "resize_param", 0)
        if p.seg_resize_width and p.seg_resize_height:
            mask = p.seg_resize_width, p.seg_resize_height
        elif p.seg_scales:
            mask = size[0] // p.seg_scales, size[1] // p.seg_scales
        else:
            raise LayerError("seg_scales must be positive, it is 0", "annotated_data_param")
        images, *_ = batch_shapes(self, self.p.batch_size, (channels(transform), *size))
        lanes = self.p.batch_size, _LANES, _POINTS, _NUMBERS
        return (images, lanes, (self.p.batch_size, 1, *mask))[: len(self.message.top)]
