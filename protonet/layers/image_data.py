"""ImageData: batches from a list of image files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import batch_shapes, transform_of, unknown


@register("ImageData")
class ImageData(Layer):
    """Batches of images and labels from a list of files.

    To (n, c, h, w) and labels (n,). Source: Caffe's ImageDataLayer.
    """

    param = "image_data_param"
    bottoms = (0, 0)
    tops = (2, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "ImageData" top: "data" top: "label" image_data_param '
            '{ source: "images.txt" batch_size: 4 new_height: 9 new_width: 11 } }',
            {},
            {"data": (4, 3, 9, 11), "label": (4,)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for one, other in (("new_height", "new_width"), ("new_width", "new_height")):
            if getattr(self.p, one) and not getattr(self.p, other):
                raise LayerError(f"{one} and {other} go together, {one} is alone", one)
        channels = 3 if self.p.is_color else 1
        crop = transform_of(self, channels).crop_size
        size = (crop, crop) if crop else (self.p.new_height, self.p.new_width)
        if not all(size):
            raise unknown(self.message, "neither crop_size nor new_height and new_width state it")
        return batch_shapes(self, self.p.batch_size, (channels, *size))
