"""faceAttributeData: faces with points, angles and attributes, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import batch_shapes, channels
from protonet.layers.told_images import told_size


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
        size = told_size(self, self.message)
        planes = channels(self.message.transform_param)
        images, *labels = batch_shapes(self, self.p.batch_size, (planes, *size))
        return images, *((shape[0], self.told()) for shape in labels)

    def told(self) -> int:
        """How many numbers tell of a face."""
        return 15 if self.phase == "TRAIN" else 17

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        return (data, (data[0], self.told()))[: len(self.message.top)]
