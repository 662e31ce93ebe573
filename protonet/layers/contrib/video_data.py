"""VideoData: batches of frames, as the forks for videos have them."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown
from protonet.schema.pool import Message
from protonet.schema.video_form import CAMERA, CLIPS, SEGMENTS, clip_field, video_form

_FLOW = 1


@register("VideoData")
class VideoData(Layer):
    """Batches of frames and labels from a list of videos.

    With num_segments, modality or name_pattern (temporal segment networks) to (n, c, h, w), whose
    channels are all frames of all segments, 3 each, 1 where they are gray, 2 of optical flow. Else
    (C3D, where the fields are video_data_param's or image_data_param's) to (n, 3, length, h, w),
    or, from a webcam or a video file (SSD), to (n, 3, h, w). The labels are (n,), with
    use_multiple_label (n, num_of_labels).
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
        form = video_form(self.message)
        holder = getattr(self.message, clip_field(self.message)) if form == CLIPS else self.p
        transform = self.message.transform_param
        crop = transform.crop_size
        size = (crop, crop) if crop else (holder.new_height, holder.new_width)
        if not any(size) and len(transform.resize_param):
            size = (transform.resize_param[0].height, transform.resize_param[0].width)
        if not all(size):
            why = "neither crop_size nor new_height and new_width state it"
            axes = "Nx3xLENGTHxHxW" if form == CLIPS else "NxCxHxW"
            raise unknown(self.message, why, axes)
        batch = self._batch(holder, form)
        item: Shape = (3, *size)
        if form == SEGMENTS:
            item = (self._channels(), *size)
        elif form == CLIPS:
            item = (3, holder.new_length, *size)
        several = (self.p.num_of_labels,) if self.p.use_multiple_label else ()
        return ((batch, *item), (batch, *several))[: len(self.message.top)]

    def _batch(self, holder: Message, form: str) -> int:
        """SSD's layer has it in data_param."""
        if form == CAMERA and self.message.HasField("data_param"):
            holder = self.message.data_param
        if holder.batch_size < 1:
            raise LayerError("batch_size must be positive, it is 0")
        return int(holder.batch_size)

    def _channels(self) -> int:
        """Of all frames of all segments."""
        length, step = max(1, self.p.new_length), self.p.step
        for field in ("num_segments", "step"):
            if getattr(self.p, field) < 1:
                raise LayerError(f"{field} must be positive, it is 0", field)
        if length % step:
            raise LayerError(f"step {step} does not divide new_length {length}", "step")
        each = 2 if self.p.modality == _FLOW else 1 if self.p.grayscale else 3
        return int(each * (length // step) * self.p.num_segments)
