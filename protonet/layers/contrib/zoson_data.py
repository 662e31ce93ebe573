"""ZosonData: images that a program gives, of Zachxz0's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import batch_shapes, channels, marked_size, transform_of


@register("ZosonData")
class ZosonData(Layer):
    """Batches of images that a program hands over as they come, and labels, 0 for each.

    To (n, 3, h, w), of transform_param's crop_size or resize_param, and labels (n,), both inputs
    here. Source: ZosonDataLayer of Zachxz0's detector.
    """

    param = "data_param"
    bottoms = (0, 0)
    tops = (1, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "ZosonData" top: "data" data_param { batch_size: 1 } '
            "transform_param { resize_param { height: 9 width: 8 } } }",
            {},
            {"data": (1, 3, 9, 8)},
            "def forward(self, data):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        item = (channels(transform_of(self)), *marked_size(self))
        return batch_shapes(self, self.p.batch_size, item)
