"""ImageLabelmapData: batches of images, each with its map of edges, from a list of files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import unknown


@register("ImageLabelmapData")
class ImageLabelmapData(Layer):
    """Batches of images and of maps of edges, 0 or 1.

    To (n, c, h, w) and (n, 1, h, w). Source: ImageLabelmapDataLayer of HED's Caffe fork.
    """

    param = "image_data_param"
    bottoms = (0, 0)
    tops = (2, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "ImageLabelmapData" top: "data" top: "label" '
            'image_data_param { source: "list.txt" batch_size: 1 new_height: 40 new_width: 60 } }',
            {},
            {"data": (1, 3, 40, 60), "label": (1, 1, 40, 60)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check_positive("batch_size")
        crop = self.message.transform_param.crop_size
        size = (crop, crop) if crop else (self.p.new_height, self.p.new_width)
        if not all(size):
            raise unknown(self.message, "neither crop_size nor new_height and new_width state it")
        batch = self.p.batch_size
        return (batch, 3 if self.p.is_color else 1, *size), (batch, 1, *size)

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        return data, (data[0], 1, *data[2:])
