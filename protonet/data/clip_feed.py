"""VideoData of clips: so many frames in a row, of folders of frames or of video files."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from protonet.arrays import Floats
from protonet.data.definition import Definition, Seeds
from protonet.data.frame_files import read_frames
from protonet.data.image_files import Size
from protonet.data.random import Random
from protonet.data.video_batches import Frames, VideoBatches
from protonet.data.video_crop import VideoCrop
from protonet.data.video_file import VideoFile
from protonet.data.video_list import ListedVideo, read_videos
from protonet.data.wanted_size import wanted_size
from protonet.schema.video_form import clip_field

_KNOWN = {
    *("source", "batch_size", "shuffle", "rand_skip", "new_height", "new_width", "new_length"),
    *("use_image", "use_temporal_jitter", "sampling_rate", "max_sampling_rate", "root_folder"),
    *("use_sampling_rate_jitter", "use_multiple_label", "num_of_labels"),
    *("is_color", "show_data"),
}
_ELSEWHERE = ("crop_size", "mirror", "scale", "mean_file")


class _Choice(NamedTuple):
    """Every ``rate``-th frame from one on; the first is ``drawn`` where it is not stated."""

    rate: int
    start: int | None
    drawn: int


class ClipFeed(VideoBatches[_Choice]):
    """Clips of new_length frames, every sampling_rate-th, as (n, 3, frames, h, w).

    A line of the list is a folder of frames 000001.jpg and so on (use_image) or a video file, the
    number of its first frame (from 0 in a file) and a label. With use_temporal_jitter the first
    frame is drawn; the line then has how many frames the folder has, or for a file no number.
    Labels are (n,), or with use_multiple_label rows of num_of_labels zeros and ones. Source:
    VideoDataLayer of C3D's Caffe fork, which in TRAIN leaves out what it can't read; its first
    release (image_data_param) draws from the C library, and draws here from the net's seed.
    """

    def __init__(self, definition: Definition) -> None:
        field = clip_field(definition.layer)
        parameter = getattr(definition.layer, field)
        self._refuse_elsewhere(definition, field)
        definition.refuse_others(parameter, _KNOWN, field)
        seeds = Seeds(definition)
        crop = VideoCrop(definition, 4, first=field == "image_data_param")
        if crop.columns:
            seeds.own()  # of the transformer's first generator, which is replaced
        super().__init__(definition, field, crop)
        self._root = parameter.root_folder
        self._size = Size(*wanted_size(definition, field))
        self._jitters = bool(self.p.use_temporal_jitter)
        self._rate = self._rates()
        self._several = self._number("use_multiple_label", 0)
        path = definition.readable(self.p.source, field, "source")
        with definition.placing(field, "source"):
            clips = read_videos(path, self._counted(), bool(self._several))
        self._refuse_labels(clips)
        first = self.rounds(seeds, clips).current
        stated = None if self._jitters else first.number
        self.start(seeds, self.first(first, _Choice(self._rate, stated, 0)).shape)
        self.frames = Random(seeds.own())

    def _refuse_elsewhere(self, definition: Definition, field: str) -> None:
        """NetError at a field that the fork has here and reads from transform_param."""
        parameter = getattr(definition.layer, field)
        for name in _ELSEWHERE:
            if parameter.HasField(name):
                what = f"{name} is not read from {field}"
                hint = "give it in transform_param"
                raise definition.error(what, field, name, hint=hint)

    def _number(self, field: str, default: int) -> int:
        """A field that only one of the two parameters has."""
        names = self.p.DESCRIPTOR.fields_by_name
        return int(getattr(self.p, field)) if field in names else default

    def _counted(self) -> str | None:
        if not self._jitters:
            return "FIRST_FRAME"
        return "FRAMES" if self.p.use_image else None

    def _rates(self) -> int:
        for field in ("sampling_rate", "max_sampling_rate"):
            if self._number(field, 1) < 1:
                what = f"{field} must be positive, it is {self._number(field, 1)}"
                raise self.definition.error(what, self.field, field)
        return self._number("sampling_rate", 1)

    def _refuse_labels(self, clips: list[ListedVideo]) -> None:
        if not self._several:
            return
        most = self.p.num_of_labels
        for clip in clips:
            if not all(0 <= label < most for label in clip.labels):
                labels = ",".join(map(str, clip.labels))
                what = f"the labels {labels} (line {clip.line} of {self.p.source}) are not all"
                what += f" below num_of_labels, {most}"
                raise self.definition.error(what, self.field, "num_of_labels")

    def choose(self, clip: ListedVideo) -> _Choice:
        rate = self._rate
        if self._number("use_sampling_rate_jitter", 0):
            rate = self.frames.draw() % self.p.max_sampling_rate + 1
        if not self._jitters:
            return _Choice(rate, clip.number, 0)
        if self.p.use_image and not self.definition.training:
            return _Choice(rate, 0, 0)
        return _Choice(rate, None, self.frames.draw())

    def read(self, clip: ListedVideo, frames: _Choice) -> Frames:
        path = self.definition.path(self._root + clip.name)
        length = int(self.p.new_length)
        if self.p.use_image:
            start = frames.start
            if start is None:
                start = self._drawn(frames, clip.number or 0) + 1
            numbers = range(start, start + length * frames.rate, frames.rate)
            names = [f"{number:06d}.jpg" for number in numbers]
            return _volume(read_frames(path, names, self._size, True))
        video = VideoFile(path)
        try:
            start = frames.start
            if start is None:
                start = self._drawn(frames, video.count)
            found = video.frames(start, length, frames.rate, self._size)
        finally:
            video.close()
        return _volume(found)

    def _drawn(self, frames: _Choice, count: int) -> int:
        needed = int(self.p.new_length) * frames.rate
        if count < needed:
            raise ValueError(f"it has {count} frames, and a clip takes {needed}")
        return frames.drawn % (count - needed + 1)

    def labels(self, clips: list[ListedVideo]) -> Floats:
        if not self._several:
            return super().labels(clips)
        rows = np.zeros((len(clips), self.p.num_of_labels), np.float32)
        for row, clip in enumerate(clips):
            rows[row, list(clip.labels)] = 1
        return rows


def _volume(frames: Frames) -> Frames:
    """(frames, channels, h, w) as (channels, frames, h, w)."""
    volume: Frames = frames.transpose(1, 0, 2, 3)
    return volume
