"""faceAttributeData: faces with points, angles and attributes, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import batch_shapes, channels, transform_of, unknown

_FIT_SMALL = 2


@register("faceAttributeData")
class FaceAttributeData(Layer):
    """Batches of faces from a database, and what is told of each.

    To (n, c, h, w) and (n, 15): five x and five y in parts of the image, of the eyes, the nose and
    the corners of the mouth, yaw, pitch, roll, gender and glasses; in testing (n, 17), with the
    width and height of the image. Source: faceAttributeDataLayer of yuqj1991's caffe_train.
    """

    param = "data_param"
    bottoms = (0, 0)
    tops = (1, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "faceAttributeData" top: "data" top: "label" '
            "transform_param { resize_param { height: 9 width: 8 } } "
            'data_param { source: "db" batch_size: 4 } }',
            {},
            {"data": (4, 3, 9, 8), "label": (4, 17)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        from protonet.data.detection.settings import problems

        for what, field, hint in problems(self.message):
            raise LayerError(what, *field, hint=hint)
        transform = transform_of(self)
        images, *labels = batch_shapes(self, self.p.batch_size, (channels(transform), *self.size()))
        return images, *((shape[0], self.told()) for shape in labels)

    def told(self) -> int:
        """How many numbers tell of an image."""
        return 15 if self.phase == "TRAIN" else 17

    def size(self) -> tuple[int, int]:
        """The height and width of the images, where the settings tell them."""
        transform = self.message.transform_param
        if transform.crop_size:
            return transform.crop_size, transform.crop_size
        if transform.crop_h and transform.crop_w:
            return transform.crop_h, transform.crop_w
        resizes = transform.resize_param
        if not len(resizes):
            raise unknown(self.message, "neither crop_size nor resize_param state it")
        if resizes[0].resize_mode == _FIT_SMALL:
            raise unknown(self.message, "FIT_SMALL_SIZE leaves it to each image")
        return resizes[0].height, resizes[0].width

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        return (data, (data[0], self.told()))[: len(self.message.top)]
