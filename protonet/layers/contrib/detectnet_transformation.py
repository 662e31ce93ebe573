"""DetectNetTransformation: images and boxes as DetectNet trains on them."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown


@register("DetectNetTransformation")
class DetectNetTransformation(Layer):
    """Augmented images, and for each cell of a grid its coverage by objects and their box.

    Images (n, c, h, w) and encoded boxes, to (n, c, image_size_y, image_size_x) and (n, 8 +
    classes, rows, columns) with a cell each stride pixels. What it draws is data: its tops are
    inputs of the module, like a data layer's. Source: NVIDIA's Caffe fork,
    DetectNetTransformationLayer.
    """

    param = "detectnet_groundtruth_param"
    bottoms = (2, 2)
    tops = (2, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "t" type: "DetectNetTransformation" bottom: "x" bottom: "boxes" '
            'top: "image" top: "label" detectnet_groundtruth_param { stride: 16 '
            "image_size_x: 64 image_size_y: 32 } }",
            {"x": (2, 3, 40, 70), "boxes": (2, 1, 5, 16)},
            {"image": (2, 3, 32, 64), "label": (2, 9, 2, 4)},
            "def forward(self, x, boxes, image, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p = self.p
        for field in ("stride", "image_size_x", "image_size_y"):
            if getattr(p, field) < 1:
                raise LayerError(f"{field} must be positive, it is 0", field)
        if not bottoms:
            raise unknown(self.message, "it follows from the images'")
        if len(bottoms[0]) != 4:
            what = f"it takes 4 axes (n, c, h, w), not {len(bottoms[0])}"
            raise LayerError(what, "bottom", 0)
        batch, channels = bottoms[0][:2]
        classes = 1 + max((mapping.dst for mapping in p.object_class), default=0)
        cells = (p.image_size_y // p.stride, p.image_size_x // p.stride)
        image = (batch, channels, p.image_size_y, p.image_size_x)
        return image, (batch, 8 + classes, *cells)
