"""DataHeatmap: batches of images with a map for each joint or landmark, from a list of files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import unknown


@register("DataHeatmap")
class DataHeatmap(Layer):
    """Batches of images, and of maps of how near a pixel is to each point.

    To (n, c, outsize, outsize) and (n, points, label_height, label_width). How many points there
    are, only the list of files tells, and with a meanfile it tells the channels, else 3. It is not
    read here: images of one's own go into the net. Source: DataHeatmapLayer of HongwenZhang's
    ECT-FaceAlignment, from Pfister et al., Flowing ConvNets (2015).
    """

    param = "heatmap_data_param"
    bottoms = (0, 0)
    tops = (2, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "DataHeatmap" top: "data" top: "label" '
            'heatmap_data_param { source: "list.txt" batchsize: 2 outsize: 16 '
            "label_height: 8 label_width: 8 } }",
            {},
            {"data": (2, 3, 16, 16), "label": (2, 5, 8, 8)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check_positive("batchsize", "outsize", "label_height", "label_width")
        raise unknown(self.message, "how many points there are, the list of files tells")
