"""MemoryData: batches from the caller's memory."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import batch_shapes, transform_of


@register("MemoryData")
class MemoryData(Layer):
    """Batches that the caller has in memory.

    To (n, c, h, w) and labels (n,), and with a third top the images' sizes (n, 1, 1, 2), which
    the caller of a compiled net gives; with label_size each image has as many labels,
    (n, label_size, 1, 1). CaffeOnSpark fills the layer from its ``source`` by a class of Spark's
    (source_class), which does not run here; nor does the layer read it there. Source: Caffe's
    MemoryDataLayer; DeepLab's nets; yahoo's Caffe fork; label_size is dumpinfo's DevTerrainRL's.
    """

    param = "memory_data_param"
    bottoms = (0, 0)
    tops = (2, 3)
    is_data = True
    ignores = (
        *("source", "share_in_parallel"),
        *("dataframe_column_select", "image_encoded", "dataframe_format"),
    )
    refuses = dict.fromkeys(("transpose", "dim"), "this layout is not supported")
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
        item = (self.p.channels, self.p.height, self.p.width)
        data, labels, *more = batch_shapes(self, self.p.batch_size, item)
        if self.has("label_size"):
            self.check_positive("label_size")
            labels = (self.p.batch_size, self.p.label_size, 1, 1)
        return (data, labels, *((self.p.batch_size, 1, 1, 2) for _ in more))
