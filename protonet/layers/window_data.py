"""WindowData: batches of windows cut from images."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import batch_shapes, transform_of


@register("WindowData")
class WindowData(Layer):
    """Batches of windows, warped to crop_size, and the classes of what they show.

    To (n, 3, crop, crop) and labels (n,). Source: Caffe's WindowDataLayer.
    """

    param = "window_data_param"
    bottoms = (0, 0)
    tops = (2, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "WindowData" top: "data" top: "label" '
            'transform_param { crop_size: 8 } window_data_param { source: "w" batch_size: 4 } }',
            {},
            {"data": (4, 3, 8, 8), "label": (4,)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        size = transform_of(self, 3).crop_size
        if not size:
            raise LayerError("it needs a crop_size", "transform_param", "crop_size")
        return batch_shapes(self, self.p.batch_size, (3, size, size))
