"""MemoryData: batches from the caller's memory."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import batch_shapes, transform_of


@register("MemoryData")
class MemoryData(Layer):
    """Batches that the caller has in memory.

    To (n, c, h, w) and labels (n,). Source: Caffe's MemoryDataLayer.
    """

    param = "memory_data_param"
    bottoms = (0, 0)
    tops = (2, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "MemoryData" top: "data" top: "label" '
            "memory_data_param { batch_size: 4 channels: 3 height: 5 width: 6 } }",
            {},
            {"data": (4, 3, 5, 6), "label": (4,)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        transform_of(self, self.p.channels)
        self.check_positive("batch_size", "channels", "height", "width")
        return batch_shapes(self, self.p.batch_size, (self.p.channels, self.p.height, self.p.width))
