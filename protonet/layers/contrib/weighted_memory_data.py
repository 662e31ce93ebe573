"""WeightedMemoryData: batches from the caller's memory, with a weight for each label."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register


@register("WeightedMemoryData")
class WeightedMemoryData(Layer):
    """Batches, labels and weights that the caller has in memory.

    To (n, c, h, w), labels (n, label_size, 1, 1) and as many weights.
    Source: WeightedMemoryDataLayer of dumpinfo's RLTerrain.
    """

    param = "weighted_memory_data_param"
    bottoms = (0, 0)
    tops = (3, 3)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "WeightedMemoryData" top: "data" top: "label" top: "w" '
            "weighted_memory_data_param { batch_size: 4 channels: 3 height: 5 width: 6 "
            "label_size: 7 } }",
            {},
            {"data": (4, 3, 5, 6), "label": (4, 7, 1, 1), "w": (4, 7, 1, 1)},
            "def forward(self, data, label, w):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check_positive("batch_size", "channels", "height", "width", "label_size")
        p = self.p
        label = (p.batch_size, p.label_size, 1, 1)
        return (p.batch_size, p.channels, p.height, p.width), label, label
