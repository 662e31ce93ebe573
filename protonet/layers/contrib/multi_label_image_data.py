"""MultiLabelImageData: batches of images with several labels each, from a list of files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import unknown


@register("MultiLabelImageData")
class MultiLabelImageData(Layer):
    """Batches of images and of rows of labels; how many there are, only the list of files tells.

    To (n, c, h, w) and (n, labels); --shape gives them where the list is not there.
    Source: MultiLabelImageDataLayer of happynear's Caffe fork.
    """

    param = "image_data_param"
    bottoms = (0, 0)
    tops = (1, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "MultiLabelImageData" top: "data" '
            'image_data_param { source: "list.txt" batch_size: 4 new_height: 9 new_width: 8 } }',
            {},
            {"data": (4, 3, 9, 8)},
            "def forward(self, data):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        crop = self.message.transform_param.crop_size
        size = (crop, crop) if crop else (self.p.new_height, self.p.new_width)
        if not all(size):
            raise unknown(self.message, "neither crop_size nor new_height and new_width state it")
        if len(self.message.top) > 1:
            raise unknown(self.message, "how many labels there are, the list of files tells")
        return ((self.p.batch_size, 3 if self.p.is_color else 1, *size),)
