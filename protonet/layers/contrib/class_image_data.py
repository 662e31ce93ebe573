"""ClassImageData: ImageData that takes so many images of each class, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import transform_of, unknown


@register("ClassImageData")
class ClassImageData(Layer):
    """What ImageData is with sample_num: batches of so many images of each of label_num classes.

    The list has a folder and its class a line. To (n, c, h, w), how many images each class of the
    batch has, (label_num,), or more where a folder has fewer images than sample_num, and the
    images' classes, (n,). n is label_num times sample_num.
    Source: ImageDataLayer of yuqj1991's caffe_train.
    """

    param = "image_data_param"
    bottoms = (0, 0)
    tops = (3, 3)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "ImageData" top: "data" top: "counts" top: "label" '
            'image_data_param { source: "classes.txt" batch_size: 6 label_num: 2 sample_num: 3 '
            "new_height: 9 new_width: 8 } }",
            {},
            {"data": (6, 3, 9, 8), "counts": (2,), "label": (6,)},
            "def forward(self, data, counts, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p, batch = self.p, self.p.batch_size
        self.check_positive("batch_size", "sample_num")
        if p.label_num * p.sample_num != batch:
            what = f"batch_size {batch} is not label_num {p.label_num} times sample_num "
            raise LayerError(f"{what}{p.sample_num}", "batch_size")
        channels = 3 if p.is_color else 1
        size = self.size(channels)
        if not all(size):
            why = "neither a crop, a resize_param, nor new_height and new_width state it"
            raise unknown(self.message, why)
        return (batch, channels, *size), (p.label_num,), (batch,)

    def size(self, channels: int) -> tuple[int, int]:
        """The height and width of the images, zeros where nothing states them."""
        transform = transform_of(self, channels)
        if transform.crop_size:
            return transform.crop_size, transform.crop_size
        if transform.crop_h and transform.crop_w:
            return transform.crop_h, transform.crop_w
        if len(transform.resize_param):
            return transform.resize_param[0].height, transform.resize_param[0].width
        return self.p.new_height, self.p.new_width

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        return data, (self.p.label_num,), data[:1]
