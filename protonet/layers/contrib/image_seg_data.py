"""ImageSegData: batches of images, each with its map of labels, from a list of files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown


@register("ImageSegData")
class ImageSegData(Layer):
    """Batches of images and maps of labels, and the images' sizes.

    To (n, c, h, w), (n, 1, h, w) and (n, 1, 1, 2). Source: DeepLab's and PSPNet's Caffe forks,
    ImageSegDataLayer.
    """

    param = "image_data_param"
    bottoms = (0, 0)
    tops = (1, 3)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "ImageSegData" top: "data" top: "label" '
            "transform_param { crop_size: 65 } "
            'image_data_param { source: "list.txt" batch_size: 4 label_type: PIXEL } }',
            {},
            {"data": (4, 3, 65, 65), "label": (4, 1, 65, 65)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        transform, batch = self.message.transform_param, self.p.batch_size
        if batch < 1:
            raise LayerError("batch_size must be positive, it is 0", "batch_size")
        sizes = (
            (transform.crop_size,) * 2,
            (transform.crop_height, transform.crop_width),
            (self.p.new_height, self.p.new_width),
        )
        size = next((size for size in sizes if all(size)), None)
        if size is None:
            raise unknown(self.message, "neither crop_size nor new_height and new_width state it")
        shapes = (batch, 3 if self.p.is_color else 1, *size), (batch, 1, *size), (batch, 1, 1, 2)
        return shapes[: len(self.message.top)]

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        shapes = data, (data[0], 1, *data[2:]), (data[0], 1, 1, 2)
        return shapes[: len(self.message.top)]
