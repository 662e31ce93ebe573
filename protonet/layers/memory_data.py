"""MemoryData: batches from the caller's memory."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import batch_shapes


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
        for field in ("batch_size", "channels", "height", "width"):
            if getattr(self.p, field) < 1:
                stated = (field,) if self.has(field) else ()
                raise LayerError(f"{field} must be positive, it is 0", *stated)
        return batch_shapes(self, self.p.batch_size, (self.p.channels, self.p.height, self.p.width))
