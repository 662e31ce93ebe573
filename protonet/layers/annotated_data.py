"""AnnotatedData: batches of images with the boxes of what they show, of the SSD fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, ShapeUnknown, register
from protonet.layers.batch import batch_shapes, channels, transform_of, unknown
from protonet.schema.pool import Message

_FIT_SMALL = 2


@register("AnnotatedData")
class AnnotatedData(Layer):
    """Batches of images from a database, and their boxes.

    To (n, c, h, w), and (1, 1, boxes, 8) with rows of image, label, instance, x1, y1, x2, y2,
    difficult; or, without an anno_type or a label_map_file, (n,). The number of boxes changes with
    the batch; 1 stands for it. Of MobileNet-YOLO's fork are yolo_data_type 1, (n, 1, 300, 5) with
    rows of label from 0, centre and extent, and a third top, (n, classes, h, w), of the classes of
    pixels. Source: AnnotatedDataLayer of SSD's fork and of MobileNet-YOLO's; data_anchor_sampler
    and crop_type are those of yuqj1991's caffe_train.
    """

    param = "data_param"
    bottoms = (0, 0)
    tops = (1, 3)
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
        Example(
            'layer { name: "data" type: "AnnotatedData" top: "data" top: "label" top: "mask" '
            "transform_param { resize_param { height: 32 width: 16 } } "
            'data_param { source: "db" batch_size: 2 } '
            "annotated_data_param { anno_type: BBOXandSeg yolo_data_type: 1 } }",
            {},
            {"data": (2, 3, 32, 16), "label": (2, 1, 300, 5), "mask": (2, 1, 4, 2)},
            "def forward(self, data, label, mask):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self._check()
        transform = transform_of(self)
        size = self._size(transform)
        images, *labels = batch_shapes(self, self.p.batch_size, (channels(transform), *size))
        annotated = self.message.annotated_data_param
        if annotated.HasField("anno_type") or annotated.HasField("label_map_file"):
            labels[:1] = [self._boxes(annotated)] if labels else []
        elif annotated.yolo_data_type:
            labels[:1] = [self._boxes(annotated)]
        if len(labels) > 1:
            labels[1] = self._masks(annotated, size)
        return images, *labels

    def _check(self) -> None:
        """LayerError of the first field that can't be followed."""
        from protonet.data.detection.settings import problems

        for what, field, hint in problems(self.message):
            raise LayerError(what, *field, hint=hint)

    def _size(self, transform: Message) -> tuple[int, int]:
        """The height and width of the images, where the settings tell them."""
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

    def _boxes(self, p: Message) -> Shape:
        return (self.p.batch_size, 1, 300, 5) if p.yolo_data_type == 1 else (1, 1, 1, 8)

    def _masks(self, p: Message, size: tuple[int, int]) -> Shape:
        """The third top's shape, where single_class says how many planes it has."""
        if not p.single_class:
            top = self.message.top[2]
            what = f"the shape of {top!r} is not known: the label_map_file says how many classes"
            raise ShapeUnknown(what, hint=f"give `--shape {top}=NxCxHxW`")
        if p.seg_resize_height and p.seg_resize_width:
            return self.p.batch_size, 1, p.seg_resize_height, p.seg_resize_width
        return self.p.batch_size, 1, size[0] // p.seg_scales, size[1] // p.seg_scales
