"""roi_data_layer.layer: py-faster-rcnn's images and boxes, as inputs."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.param_str import WHOLE, options


@register("roi_data_layer.layer.RoIDataLayer")
class RoIData(Layer):
    """An image with its true boxes, or with regions, their classes and their targets.

    With three tops to (1, 3, h, w), sizes (1, 3) of height, width and scale, and true boxes (m, 5)
    of x1, y1, x2, y2, class; else to (1, 3, h, w), regions (k, 5), classes (k) and, by twos or
    threes, (k, 4 * classes). The image is 600x1000 unless a shape is given, m and k are 1.
    Source: py-faster-rcnn, lib/roi_data_layer/layer.py.
    """

    param = "python_param"
    bottoms = (0, 0)
    tops = (3, 6)
    is_data = True
    examples = (
        Example(
            'layer { name: "l" type: "Python" top: "data" top: "im_info" top: "gt_boxes" '
            'python_param { module: "roi_data_layer.layer" layer: "RoIDataLayer" '
            "param_str: \"'num_classes': 21\" } }",
            {},
            {"data": (1, 3, 600, 1000), "im_info": (1, 3), "gt_boxes": (1, 5)},
            "def forward(self, data, im_info, gt_boxes):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        classes = options(self.p, num_classes=WHOLE).get("num_classes")
        if classes is None:
            raise LayerError("param_str states no 'num_classes'", "param_str")
        tops = len(self.message.top)
        if tops == 3:
            return (1, 3, 600, 1000), (1, 3), (1, 5)
        return (1, 3, 600, 1000), (1, 5), (1,), *((1, 4 * classes),) * (tops - 3)
