"""YoloAnnotatedData: batches of images with their boxes for YOLO, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import batch_shapes, channels
from protonet.layers.told_images import told_size


@register("YoloAnnotatedData")
class YoloAnnotatedData(Layer):
    """Batches of images from a database, and their boxes, as AnnotatedData gives them.

    To (n, c, h, w), the size that of the first resize_param or resize_param_yolo, one of which
    each batch takes; and (1, 1, boxes, 8), or with yolo_data_type 1 (n, 1, 300, 5), without
    difficult boxes, or a label an image where the records have no more.
    Source: YoloAnnotatedDataLayer of yuqj1991's caffe_train, which is in its history.
    """

    param = "data_param"
    bottoms = (0, 0)
    tops = (1, 2)
    is_data = True
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

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        from protonet.data.detection.yolo_form import as_annotated

        size = told_size(self, as_annotated(self.message))
        planes = channels(self.message.transform_param)
        images, *labels = batch_shapes(self, self.p.batch_size, (planes, *size))
        p = self.message.annotated_data_param
        if p.yolo_data_type == 1:
            labels[:1] = [(self.p.batch_size, 1, 300, 5)] if labels else []
        elif p.HasField("anno_type") or p.HasField("label_map_file"):
            labels[:1] = [(1, 1, 1, 8)] if labels else []
        return images, *labels
