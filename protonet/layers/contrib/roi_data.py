"""roi_data_layer.layer: py-faster-rcnn's images and boxes, as inputs."""

from __future__ import annotations

import json
from typing import Any

from protonet.layers.base import Example, LayerError, Shape, register
from protonet.layers.param_str import Namesake, options
from protonet.schema.param_str import mapping_of
from protonet.schema.pool import Message
from protonet.schema.roi_options import ROI_OPTIONS


@register("roi_data_layer.layer.RoIDataLayer")
class RoIData(Namesake):
    """An image with its true boxes, or with regions, their classes and their targets.

    With three tops to (1, 3, h, w), sizes (1, 3) of height, width and scale, and true boxes (m, 5)
    of x1, y1, x2, y2, class; else, and with a second top called rois, to (1, 3, h, w), regions
    (k, 5), classes (k) and, by twos or threes, (k, 4 * classes), or with agnostic, AGNOSTIC in
    R-FCN's settings, (k, 8). Behind these SubCNN's has the subclasses (k), three views
    (k, 3 * classes), or both. The image is 640x1024, which strides divide, unless a shape is given;
    m and k are 1. `protonet train` reads images and true boxes from the Pascal VOC folder that
    param_str names as source, of its set; label_map, scales, max_size and flipped may follow.
    Source: lib/roi_data_layer/layer.py of py-faster-rcnn, fast-rcnn, py-R-FCN and SubCNN.
    """

    param = "python_param"
    known = tuple(ROI_OPTIONS)
    bottoms = (0, 0)
    tops = (3, 10)
    is_data = True
    examples = (
        Example(
            'layer { name: "l" type: "Python" top: "data" top: "im_info" top: "gt_boxes" '
            'python_param { module: "roi_data_layer.layer" layer: "RoIDataLayer" '
            "param_str: \"'num_classes': 21\" } }",
            {},
            {"data": (1, 3, 640, 1024), "im_info": (1, 3), "gt_boxes": (1, 5)},
            "def forward(self, data, im_info, gt_boxes):",
        ),
        Example(
            'layer { name: "l" type: "Python" top: "data" top: "rois" top: "labels" '
            'python_param { module: "roi_data_layer.layer" layer: "RoIDataLayer" '
            "param_str: \"'num_classes': 21\" } }",
            {},
            {"data": (1, 3, 640, 1024), "rois": (1, 5), "labels": (1,)},
            "def forward(self, data, rois, labels):",
        ),
    )

    @classmethod
    def otherwise(cls, message: Message) -> tuple[Message, str] | None:
        other: Any = type(message)()
        other.CopyFrom(message)
        given = mapping_of(other.python_param.param_str)
        if len(other.top) < 4 or not given or "agnostic" in given:
            return None
        other.python_param.param_str = json.dumps({**given, "agnostic": True})
        return other, "R-FCN's with AGNOSTIC in its settings"

    @classmethod
    def knows(cls, message: Message) -> bool:
        sizes = len(message.top) > 3 and message.top[1] == "im_info"  # of more than py-faster-rcnn
        return not sizes and super().knows(message)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        given = options(self.p, **ROI_OPTIONS)
        classes = given.get("num_classes")
        if classes is None:
            raise LayerError("param_str states no 'num_classes'", "param_str")
        tops = len(self.message.top)
        if tops == 3 and self.message.top[1] != "rois":
            return (1, 3, 640, 1024), (1, 3), (1, 5)
        boxes, more = min(tops - 3, 3), tops - 6
        told = 2 if given.get("agnostic") else classes
        if more == 2:
            raise LayerError("it has no 8 tops: subclasses are one, views three", "top")
        sub, views = ((1,),) * (more in (1, 4)), ((1, 3 * classes),) * (3 * (more >= 3))
        return (1, 3, 640, 1024), (1, 5), (1,), *((1, 4 * told),) * boxes, *sub, *views
