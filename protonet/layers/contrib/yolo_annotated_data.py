"""YoloAnnotatedData: batches of images with their boxes for YOLO, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.annotated_data import AnnotatedData
from protonet.layers.base import Example, register
from protonet.schema.pool import Message


@register("YoloAnnotatedData")
class YoloAnnotatedData(AnnotatedData):
    """Batches of images from a database, and their boxes, as AnnotatedData gives them.

    To (n, c, h, w), the size that of the first resize_param or resize_param_yolo, one of which
    each batch takes; and with yolo_data_type 1 (n, 1, 300, 5), without difficult boxes.
    Source: YoloAnnotatedDataLayer of yuqj1991's caffe_train, which is in its history.
    """

    tops = (1, 2)
    examples = (
        Example(
            'layer { name: "data" type: "YoloAnnotatedData" top: "data" top: "label" '
            "transform_param { resize_param_yolo { height: 32 width: 64 } } "
            'data_param { source: "db" batch_size: 4 } '
            'annotated_data_param { yolo_data_type: 1 label_map_file: "labels.prototxt" } }',
            {},
            {"data": (4, 3, 32, 64), "label": (4, 1, 300, 5)},
            "def forward(self, data, label):",
        ),
    )

    def __init__(self, message: Message, phase: str = "TEST") -> None:
        from protonet.data.detection.yolo_form import as_annotated

        super().__init__(as_annotated(message), phase)
