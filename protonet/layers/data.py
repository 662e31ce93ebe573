"""Data: batches from an LMDB or LevelDB."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import batch_shapes, channels, transform_of, unknown


@register("Data")
class Data(Layer):
    """Batches of images and labels from a database.

    To (n, c, crop, crop) and labels (n,). Source: Caffe's DataLayer.
    """

    param = "data_param"
    bottoms = (0, 0)
    tops = (1, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "Data" top: "data" top: "label" '
            'transform_param { crop_size: 8 } data_param { source: "db" batch_size: 4 } }',
            {},
            {"data": (4, 3, 8, 8), "label": (4,)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        transform = transform_of(self)
        size = transform.crop_size
        if not size:
            raise unknown(self.message, "no crop_size states the images' size")
        return batch_shapes(self, self.p.batch_size, (channels(transform), size, size))
