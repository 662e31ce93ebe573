"""ImageSegData: batches of images, each with its map of labels, from a list of files."""

from __future__ import annotations

from protonet.layers.base import Example, register
from protonet.layers.seg_batch import SegBatch


@register("ImageSegData")
class ImageSegData(SegBatch):
    """Batches of images and maps of labels, and the images' sizes.

    To (n, c, h, w), (n, 1, h, w) and (n, 1, 1, 2). Source: DeepLab's and PSPNet's Caffe forks,
    ImageSegDataLayer.
    """

    examples = (
        Example(
            'layer { name: "data" type: "ImageSegData" top: "data" top: "label" '
            "transform_param { crop_size: 65 } "
            'image_data_param { source: "list.txt" batch_size: 4 label_type: PIXEL } }',
            {},
            {"data": (4, 3, 65, 65), "label": (4, 1, 65, 65)},
            "def forward(self, data, label):",
        ),
    )
