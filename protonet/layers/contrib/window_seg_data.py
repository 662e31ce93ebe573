"""WindowSegData: batches of windows cut from images, each with its map of labels."""

from __future__ import annotations

from protonet.layers.base import Example, register
from protonet.layers.seg_batch import SegBatch


@register("WindowSegData")
class WindowSegData(SegBatch):
    """Batches of windows of images, warped to new_height by new_width, and their maps of labels.

    To (n, c, h, w), (n, 1, h, w) and the whole images' sizes (n, 1, 1, 2).
    Source: WindowSegDataLayer of HyeonwooNoh's Caffe fork.
    """

    examples = (
        Example(
            'layer { name: "data" type: "WindowSegData" top: "data" top: "label" '
            'image_data_param { source: "list.txt" batch_size: 4 label_type: PIXEL '
            "new_height: 65 new_width: 65 } }",
            {},
            {"data": (4, 3, 65, 65), "label": (4, 1, 65, 65)},
            "def forward(self, data, label):",
        ),
    )
