"""ccpdData: licence plates with their seven characters, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import batch_shapes, channels
from protonet.layers.told_images import told_size

_CHARACTERS = 7


@register("ccpdData")
class CcpdData(Layer):
    """Batches of licence plates from a database, and the classes of their characters.

    To (n, c, h, w) and (n, 7). Source: ccpdDataLayer of yuqj1991's caffe_train.
    """

    param = "data_param"
    bottoms = (0, 0)
    tops = (1, 2)
    is_data = True
    examples = (
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
        size = told_size(self, self.message)
        planes = channels(self.message.transform_param)
        images, *labels = batch_shapes(self, self.p.batch_size, (planes, *size))
        return images, *((shape[0], _CHARACTERS) for shape in labels)

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        return (data, (data[0], _CHARACTERS))[: len(self.message.top)]
