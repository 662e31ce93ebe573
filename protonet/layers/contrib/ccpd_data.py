"""ccpdData: licence plates with their seven characters, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, register
from protonet.layers.contrib.face_attribute_data import FaceAttributeData


@register("ccpdData")
class CcpdData(FaceAttributeData):
    """Batches of licence plates from a database, and the classes of their characters.

    To (n, c, h, w) and (n, 7). Source: ccpdDataLayer of yuqj1991's caffe_train.
    """

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

    def told(self) -> int:
        return 7
