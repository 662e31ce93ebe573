"""VideoSegmentationData and VideoWithVoxelTruthData: volumes with what is true of each voxel."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, register
from protonet.layers.batch import unknown

_EXAMPLE = (
    'layer {{ name: "data" type: "{}" top: "data" top: "truth" '
    'transform_param {{ crop_size: 112 }} image_data_param {{ source: "list.txt" batch_size: 2 '
    "new_length: 16 {} }} }}"
)


@register("VideoWithVoxelTruthData")
class VideoWithVoxelTruthData(Layer):
    """Volumes and their truth, whose length only the files tell, or new_length.

    To (n, 3, length, h, w) and (n, num_truth_channels, length, h, w).
    Source: VideoWithVoxelTruthDataLayer of C3D's Caffe fork, which has no new_length.
    """

    param = "image_data_param"
    bottoms = (0, 0)
    tops = (2, 2)
    is_data = True
    examples = (
        Example(
            _EXAMPLE.format("VideoWithVoxelTruthData", "num_truth_channels: 2"),
            {},
            {"data": (2, 3, 16, 112, 112), "truth": (2, 2, 16, 112, 112)},
            "def forward(self, data, truth):",
        ),
    )

    @property
    def truths(self) -> int:
        """How many channels the truth has."""
        return int(self.p.num_truth_channels)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        crop, batch = self.message.transform_param.crop_size, self.p.batch_size
        self.check_positive("batch_size")
        if not (crop and self.p.new_length):
            why = "how many frames there are, only the files tell"
            raise unknown(self.message, why, "Nx3xLENGTHxHxW")
        size = (self.p.new_length, crop, crop)
        return (batch, 3, *size), (batch, self.truths, *size)

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        return data, (data[0], self.truths, *data[2:])


@register("VideoSegmentationData")
class VideoSegmentationData(VideoWithVoxelTruthData):
    """Volumes and each voxel's label, whose length only the files tell, or new_length.

    To (n, 3, length, h, w) and (n, 1, length, h, w).
    Source: VideoSegmentationDataLayer of C3D's Caffe fork, which has no new_length.
    """

    truths = 1
    examples = (
        Example(
            _EXAMPLE.format("VideoSegmentationData", ""),
            {},
            {"data": (2, 3, 16, 112, 112), "truth": (2, 1, 16, 112, 112)},
            "def forward(self, data, truth):",
        ),
    )
