"""WindowPoseData: windows of objects and their viewpoints, of ViewpointsAndKeypoints."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import transform_of


@register("WindowPoseData")
class WindowPoseData(Layer):
    """Batches of windows, their classes, and their angles in fine and in coarse bins.

    To (n, 3, crop, crop) and seven times (n,), class, azimuth, elevation and cyclorotation, and
    these three coarsely; the caller gives them. Source: WindowPoseDataLayer of shubhtuls'
    ViewpointsAndKeypoints.
    """

    param = "window_data_param"
    bottoms = (0, 0)
    tops = (8, 8)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "WindowPoseData" top: "data" top: "label" top: "e1" '
            'top: "e2" top: "e3" top: "c1" top: "c2" top: "c3" transform_param { crop_size: 8 } '
            'window_data_param { source: "w" batch_size: 4 } }',
            {},
            {
                "data": (4, 3, 8, 8),
                **dict.fromkeys(["label", "e1", "e2", "e3", "c1", "c2", "c3"], (4,)),
            },
            "def forward(self, data, label, e1, e2, e3, c1, c2, c3):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        size = transform_of(self, 3).crop_size
        if not size:
            raise LayerError("it needs a crop_size", "transform_param", "crop_size")
        self.check_positive("batch_size")
        batch = self.p.batch_size
        return ((batch, 3, size, size), *((batch,),) * 7)
