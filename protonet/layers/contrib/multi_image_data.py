"""MultiImageData: batches of several images an item, as channels, from a list of files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown


@register("MultiImageData")
class MultiImageData(Layer):
    """Batches of items of num_images images, one's channels behind the other's, and of labels.

    To (n, num_images c, h, w) and labels (n,). It is not read here: images of one's own go into
    the net. Source: MultiImageDataLayer of PeterZs's DeepLearningLearningSession.
    """

    param = "multi_image_data_param"
    bottoms = (0, 0)
    tops = (2, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "MultiImageData" top: "data" top: "label" '
            'multi_image_data_param { source: "list.txt" batch_size: 4 num_images: 3 '
            "new_height: 9 new_width: 8 } }",
            {},
            {"data": (4, 9, 9, 8), "label": (4,)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check_positive("batch_size", "num_images")
        if bool(self.p.new_height) != bool(self.p.new_width):
            raise LayerError("new_height and new_width are stated together", "new_height")
        crop = self.message.transform_param.crop_size
        size = (crop, crop) if crop else (self.p.new_height, self.p.new_width)
        if not all(size):
            raise unknown(self.message, "neither crop_size nor new_height and new_width state it")
        channels = self.p.num_images * (3 if self.p.is_color else 1)
        return (self.p.batch_size, channels, *size), (self.p.batch_size,)

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        return data, data[:1]
