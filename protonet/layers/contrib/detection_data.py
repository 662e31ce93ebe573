"""DetectionData: images with their truth as maps and as boxes, of the Cascade R-CNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown
from protonet.layers.label_maps import label_maps


@register("DetectionData")
class DetectionData(Layer):
    """Batches of images of a window file, resized and cropped, with their truth.

    To images (n, 3, h, w), for each stride a map (n, 6, h / stride, w / stride) of label, middle
    x, middle y, width, height and overlap, and with output_gt_boxes boxes (m, 8, 1, 1) of image,
    x1, y1, x2, y2, label, ignored, difficult; m follows from the data, where shapes say 1. With
    short_size and long_size an image's own sides go between them; shapes say long by short.
    Source: DetectionDataLayer of zhaoweicai's cascade-rcnn.
    """

    param = "detection_data_param"
    bottoms = (0, 0)
    tops = (1, None)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "DetectionData" top: "data" top: "truth" top: "boxes" '
            'detection_data_param { source: "w" batch_size: 2 short_size: 48 long_size: 64 '
            "stride: 8 field_w: 40 field_h: 40 output_gt_boxes: true } }",
            {},
            {"data": (2, 3, 64, 48), "truth": (2, 6, 8, 6), "boxes": (1, 8, 1, 1)},
            "def forward(self, data, truth, boxes):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return label_maps(self, self.size(), "stride", 8)

    def size(self) -> tuple[int, int]:
        """Height and width of its images. ShapeUnknown where only the data tell."""
        for pair in (
            ("crop_height", "crop_width"),
            ("crop_long_size", "crop_short_size"),
            ("resize_height", "resize_width"),
            ("long_size", "short_size"),
        ):
            if all(self.has(field) for field in pair):
                self.check_positive(*pair)
                first, second = (getattr(self.p, field) for field in pair)
                if "short" in pair[1] and first <= second:
                    raise LayerError(f"{pair[0]} is above {pair[1]}, not {first}", pair[0])
                return first, second
        raise unknown(self.message, "no resize, short_size or crop states the images' size")


@register("EvalData")
class EvalData(Layer):
    """Batches of images of a window file, resized, with their true boxes and sizes.

    To images (n, 3, h, w), boxes (m, 8, 1, 1) of image, x1, y1, x2, y2, label, ignored, difficult,
    and sizes (n, 2, 1, 1) of height and width; m follows from the data, where shapes say 1. With
    short_size and long_size an image's own sides go between them; shapes say long by short.
    Source: EvalDataLayer of zhaoweicai's cascade-rcnn.
    """

    param = "eval_data_param"
    bottoms = (0, 0)
    tops = (2, 3)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "EvalData" top: "data" top: "boxes" top: "sizes" '
            'eval_data_param { source: "w" batch_size: 1 short_size: 48 long_size: 64 } }',
            {},
            {"data": (1, 3, 64, 48), "boxes": (1, 8, 1, 1), "sizes": (1, 2, 1, 1)},
            "def forward(self, data, boxes, sizes):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check_positive("batch_size")
        p, batch = self.p, self.p.batch_size
        resized = self.has("resize_width") and self.has("resize_height")
        if not resized and batch != 1:
            what = f"batch_size is 1 without a resize_width and resize_height, not {batch}"
            raise LayerError(what, "batch_size")
        size = (p.resize_height, p.resize_width) if resized else (p.long_size, p.short_size)
        if min(size) < 1:
            raise unknown(self.message, "no resize or short_size states the images' size")
        return ((batch, 3, *size), (1, 8, 1, 1), (batch, 2, 1, 1))[: len(self.message.top)]
