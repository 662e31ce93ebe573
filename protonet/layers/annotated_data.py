"""AnnotatedData: batches of images with the boxes of what they show, of the SSD fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import batch_shapes, channels, transform_of, unknown


@register("AnnotatedData")
class AnnotatedData(Layer):
    """Batches of images from a database, and their boxes.

    To (n, c, h, w), and (1, 1, boxes, 8) or, without an anno_type or a label_map_file, (n,).
    The number of boxes changes with the batch; 1 stands for it. Source: SSD's
    AnnotatedDataLayer.
    """

    param = "data_param"
    bottoms = (0, 0)
    tops = (1, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "AnnotatedData" top: "data" top: "label" '
            "transform_param { resize_param { height: 9 width: 8 } } "
            'data_param { source: "db" batch_size: 4 } '
            'annotated_data_param { label_map_file: "labelmap.prototxt" } }',
            {},
            {"data": (4, 3, 9, 8), "label": (1, 1, 1, 8)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        transform = transform_of(self)
        size = (transform.crop_size,) * 2
        if not transform.crop_size and len(transform.resize_param):
            size = (transform.resize_param[0].height, transform.resize_param[0].width)
        if not all(size):
            raise unknown(self.message, "neither crop_size nor resize_param state it")
        shapes = batch_shapes(self, self.p.batch_size, (channels(transform), *size))
        annotated = self.message.annotated_data_param
        boxes = annotated.HasField("anno_type") or annotated.HasField("label_map_file")
        return shapes[:1] + ((1, 1, 1, 8),) * len(shapes[1:]) if boxes else shapes
