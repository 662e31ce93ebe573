"""SegData: one image and its map of labels at a time, from a list of files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown


@register("SegData")
class SegData(Layer):
    """An image and its map of labels, each batch as large as its image allows.

    To (1, 3, h, w) and (1, 1, h, w), h and w multiples of stride, at most upper_size or
    upper_height and upper_width, which they are taken to be; or crop_size, and then with batch_size
    images. Source: SegDataLayer of yjxiong's Caffe fork, and of XiaohangZhan's mix-and-match.
    """

    param = "seg_data_param"
    bottoms = (0, 0)
    tops = (2, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "SegData" top: "data" top: "label" '
            'seg_data_param { source: "list.txt" } transform_param { upper_size: 64 } }',
            {},
            {"data": (1, 3, 64, 64), "label": (1, 1, 64, 64)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        t = self.message.transform_param
        if t.stride < 1:
            what = f"stride must be positive, it is {t.stride}"
            raise LayerError(what, "transform_param", "stride")
        self.check_positive("batch_size")
        if t.crop_size:
            batch, side = self.p.batch_size, t.crop_size
            return (batch, 3, side, side), (batch, 1, side, side)
        if self.p.batch_size != 1:
            raise LayerError("a batch_size of more than 1 takes a crop_size", "batch_size")
        size = (t.upper_size,) * 2 if t.HasField("upper_size") else (t.upper_height, t.upper_width)
        if min(size) < 1:
            why = "neither upper_size nor upper_height and upper_width bound it"
            raise unknown(self.message, why)
        return (1, 3, *size), (1, 1, *size)

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        return data, (data[0], 1, *data[2:])
