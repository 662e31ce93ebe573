"""faceAttributeData and ccpdData: faces and licence plates, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import batch_shapes, channels, marked_size, transform_of


@register("faceAttributeData", "ccpdData")
class FaceAttributeData(Layer):
    """Batches of faces from a database, and what is told of each.

    To (n, c, h, w) and (n, 15): five x and five y in parts of the image, of the eyes, the nose and
    the corners of the mouth, yaw, pitch, roll, gender and glasses; in testing (n, 17), with the
    width and height of the image. ccpdData gives the classes of a plate's characters, (n, 7).
    Source: faceAttributeDataLayer and ccpdDataLayer of yuqj1991's caffe_train.
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
        Example(
            'layer { name: "data" type: "ccpdData" top: "data" top: "label" '
            "transform_param { resize_param { height: 9 width: 8 } } "
            'data_param { source: "db" batch_size: 4 } }',
            {},
            {"data": (4, 3, 9, 8), "label": (4, 7)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        from protonet.data.detection.settings import problems

        for what, field, hint in problems(self.message):
            raise LayerError(what, *field, hint=hint)
        item = (channels(transform_of(self)), *marked_size(self))
        images, *labels = batch_shapes(self, self.p.batch_size, item)
        return images, *((shape[0], self.told()) for shape in labels)

    def told(self) -> int:
        """How many numbers tell of an image."""
        if self.message.type == "ccpdData":
            return 7
        return 15 if self.phase == "TRAIN" else 17

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        return (data, (data[0], self.told()))[: len(self.message.top)]
