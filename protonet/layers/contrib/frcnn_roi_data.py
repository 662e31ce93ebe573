"""FrcnnRoiData: images and their true boxes, of makefile's Faster R-CNN."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.rcnn import PARAM, settings_of


@register("FrcnnRoiData")
class FrcnnRoiData(Layer):
    """One image, its size and scale, and its true boxes, from a list and a file of settings.

    To (1, 3, h, w), of the largest of scales by max_size, (1, 3, 1, 1) of height, width and scale,
    and (m, 5, 1, 1) of x1, y1, x2, y2, class; the data make the sizes, where shapes say the largest
    image and one box. Source: FrcnnRoiDataLayer of makefile's frcnn.
    """

    param = PARAM
    settings_field = "config"
    bottoms = (0, 0)
    tops = (3, 3)
    is_data = True
    examples = (
        Example(
            'layer { name: "l" type: "FrcnnRoiData" top: "data" top: "im_info" top: "gt_boxes" '
            'window_data_param { source: "voc2007.trainval" '
            'config_text: \'{"scales": "600", "max_size": "1000"}\' } }',
            {},
            {"data": (1, 3, 600, 1000), "im_info": (1, 3, 1, 1), "gt_boxes": (1, 5, 1, 1)},
            "def forward(self, data, im_info, gt_boxes):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        settings = settings_of(self)
        step = settings.whole("im_size_align", 1)
        sides = max(settings.several("scales")), settings.number("max_size")
        if min(sides) <= 0:
            what = f"images have positive sides, its settings say {sides[0]:g} by {sides[1]:g}"
            raise LayerError(what, "config")
        height, width = (-(-int(side) // step) * step for side in sides)
        return (1, 3, height, width), (1, 3, 1, 1), (1, 5, 1, 1)
