"""VideoData: batches of frames, as the forks for videos have them."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown

_FLOW = 1


@register("VideoData")
class VideoData(Layer):
    """Batches of frames and labels from a list of videos.

    With num_segments, modality or name_pattern (temporal segment networks) to (n, c, h, w), whose
    channels are all frames of all segments, 3 each or 2 of optical flow. Else (C3D, where the
    fields are video_data_param's or image_data_param's) to (n, 3, length, h, w), or, from a
    webcam or a video file (SSD), to (n, 3, h, w). The labels are (n,).
    Source: VideoDataLayer of yjxiong's, C3D's and SSD's Caffe forks.
    """

    param = "video_data_param"
    bottoms = (0, 0)
    tops = (1, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "VideoData" top: "data" top: "label" '
            "transform_param { crop_size: 224 } "
            'video_data_param { source: "split.txt" batch_size: 4 new_length: 5 num_segments: 3 '
            "modality: FLOW } }",
            {},
            {"data": (4, 30, 224, 224), "label": (4,)},
            "def forward(self, data, label):",
        ),
        Example(
            'layer { name: "data" type: "VideoData" top: "data" top: "label" '
            "transform_param { crop_size: 112 } "
            'image_data_param { source: "list.txt" batch_size: 4 new_length: 16 } }',
            {},
            {"data": (4, 3, 16, 112, 112), "label": (4,)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p, transform = self.p, self.message.transform_param
        old = self.message.image_data_param
        holder = old if old.HasField("new_length") else p
        crop = transform.crop_size or holder.crop_size
        size = (crop, crop) if crop else (holder.new_height, holder.new_width)
        if not any(size) and len(transform.resize_param):
            size = (transform.resize_param[0].height, transform.resize_param[0].width)
        if not all(size):
            raise unknown(self.message, "neither crop_size nor new_height and new_width state it")
        batch = holder.batch_size
        if batch < 1:
            raise LayerError("batch_size must be positive, it is 0")
        item: Shape = (3, *size)
        if any(self.has(field) for field in ("num_segments", "modality", "name_pattern")):
            each = 2 if p.modality == _FLOW else 3
            item = (each * max(1, p.new_length) * p.num_segments, *size)
        elif holder.new_length:
            item = (3, holder.new_length, *size)
        return ((batch, *item), (batch,))[: len(self.message.top)]
