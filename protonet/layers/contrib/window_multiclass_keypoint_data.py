"""WindowMulticlassKeypointData: windows of objects and maps of their keypoints."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import unknown


@register("WindowMulticlassKeypointData")
class WindowMulticlassKeypointData(Layer):
    """Batches of windows, maps of their keypoints, and which of these belong to their class.

    To (n, 3, crop, crop) and twice (n, k), of as many numbers as the windows' file says; the
    caller gives them. Source: WindowMulticlassKeypointDataLayer of shubhtuls'
    ViewpointsAndKeypoints.
    """

    param = "window_data_param"
    bottoms = (0, 0)
    tops = (3, 3)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "WindowMulticlassKeypointData" top: "data" top: "label" '
            'top: "filter" transform_param { crop_size: 8 } '
            'window_data_param { source: "w" batch_size: 4 } }',
            {},
            {"data": (4, 3, 8, 8), "label": (4, 12), "filter": (4, 12)},
            "def forward(self, data, label, filter_2):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        raise unknown(self.message, "the file of windows says how many keypoints there are")
