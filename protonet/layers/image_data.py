"""ImageData: batches from a list of image files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import batch_shapes, transform_of, unknown
from protonet.schema.pool import Message


@register("ImageData")
class ImageData(Layer):
    """Batches of images and labels from a list of files.

    To (n, c, h, w) and labels (n,). With sample_num it is yuqj1991's, a ClassImageData here;
    new_dim, the images' short side, and bicubic are yihui-he's. Source: Caffe's ImageDataLayer.
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

    @classmethod
    def form(cls, message: Message) -> str:
        return "ClassImageData" if message.image_data_param.HasField("sample_num") else ""

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for one, other in (("new_height", "new_width"), ("new_width", "new_height")):
            if getattr(self.p, one) and not getattr(self.p, other):
                raise LayerError(f"{one} and {other} go together, {one} is alone", one)
        if self.p.new_dim and self.p.new_height:
            what = "new_dim and new_height with new_width exclude each other"
            raise LayerError(what, "new_dim")
        channels = 3 if self.p.is_color else 1
        crop = transform_of(self, channels).crop_size
        size = (crop, crop) if crop else (self.p.new_height, self.p.new_width)
        if not all(size):
            raise unknown(self.message, "neither crop_size nor new_height and new_width state it")
        return batch_shapes(self, self.p.batch_size, (channels, *size))
