"""CustomData: images and the flow between them from one database, of FlowNet's forks."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import unknown


@register("CustomData")
class CustomData(Layer):
    """Batches of slices of an LMDB's records, such as two images, a flow and its known places.

    To (n, channels, h, w) for each slice, whose size the records say, or to these and labels
    (n, 1, 1, 1) where there is one. Source: FlowNet2's CustomDataLayer.
    """

    param = "data_param"
    bottoms = (0, 0)
    tops = (1, None)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "CustomData" top: "img0" top: "img1" top: "flow" '
            'data_param { source: "db" backend: LMDB batch_size: 4 slice_point: 3 slice_point: 6 } '
            "}",
            {},
            {"img0": (4, 3, 8, 8), "img1": (4, 3, 8, 8), "flow": (4, 2, 8, 8)},
            "def forward(self, img0, img1, flow):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        raise unknown(self.message, "the records of its database say it")
