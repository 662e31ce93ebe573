"""VideoData of segments: some frames, or optical flow, of each of a video's equal parts."""

from __future__ import annotations

import numpy as np

from protonet.data.definition import Definition, Seeds
from protonet.data.frame_files import FLOW_NAMES, RGB_NAMES, read_frames
from protonet.data.image_files import Size
from protonet.data.random import Random
from protonet.data.video_batches import Frames, VideoBatches
from protonet.data.video_crop import VideoCrop
from protonet.data.video_list import ListedVideo, read_videos
from protonet.data.wanted_size import wanted_size
from protonet.schema.video_form import by_planes

_FIELD = "video_data_param"
_KNOWN = {
    *("source", "batch_size", "shuffle", "new_height", "new_width", "new_length"),
    *("num_segments", "modality", "name_pattern", "grayscale", "length_first", "step", "rand_step"),
}
_FLOW = 1
_Offsets = list[tuple[int, list[int]]]  # of each segment, and of its frames further on


class SegmentFeed(VideoBatches[_Offsets]):
    """Frames in files, new_length of each of num_segments parts, as (n, frames' channels, h, w).

    A line of the list is a folder, how many frames it has and a label. In TRAIN a segment's first
    frame is drawn from its part of the video, else it is in the middle; a video whose parts are
    shorter than new_length gives its first frames. A frame is name_pattern by its number, from 1;
    flow is two gray images, x and y. With length_first each channel's frames stand together, and
    a frame that is missing is the last that was there. Source: VideoDataLayer of yjxiong's Caffe
    fork (branches action_recog and 3D), which leaves a video out that it can't read.
    """

    def __init__(self, definition: Definition) -> None:
        p = definition.layer.video_data_param
        definition.refuse_others(p, _KNOWN, _FIELD)
        seeds = Seeds(definition)
        crop = VideoCrop(definition, 3, segments=True)
        if crop.columns:
            seeds.own()  # of the transformer's first generator, which is replaced
        super().__init__(definition, _FIELD, crop)
        self._length = max(1, p.new_length)
        self._by_planes = by_planes(definition.layer)
        self._flow = p.modality == _FLOW
        self._pattern = self._names()
        self._size = Size(*wanted_size(definition, _FIELD))
        self._refuse_wrong()
        path = definition.readable(p.source, _FIELD, "source")
        with definition.placing(_FIELD, "source"):
            clips = read_videos(path, "FRAMES")
        rounds = self.rounds(seeds, clips)
        self.frames = Random(seeds.own())
        self.frames.raw(p.num_segments)  # the fork's, for the blob's first shape
        first = rounds.current
        self.start(seeds, self.first(first, self._middle(first)).shape)

    def _names(self) -> str:
        pattern: str = self.p.name_pattern
        if not pattern:
            return "flow_%c_%04d.jpg" if self._flow else "image_%04d.jpg"
        kind = FLOW_NAMES if self._flow else RGB_NAMES
        if not kind.fullmatch(pattern):
            takes = "%c and then a number such as %05d" if self._flow else "a number such as %05d"
            what = f"name_pattern {pattern!r} takes {takes}, once"
            raise self.definition.error(what, _FIELD, "name_pattern")
        return pattern

    def _refuse_wrong(self) -> None:
        for field in ("num_segments", "step"):
            if getattr(self.p, field) < 1:
                what = f"{field} must be positive, it is 0"
                raise self.definition.error(what, _FIELD, field)
        if self._length % self.p.step:
            what = f"step {self.p.step} does not divide new_length {self._length}"
            raise self.definition.error(what, _FIELD, "step")
        if self.p.step > 1 and not (self.p.length_first and not self._flow):
            what = f"step {self.p.step} is for frames with length_first"
            raise self.definition.error(what, _FIELD, "step")

    def _part(self, clip: ListedVideo) -> int:
        """How many frames each of a video's parts has."""
        assert clip.number is not None
        return int(clip.number // self.p.num_segments)

    def choose(self, clip: ListedVideo) -> _Offsets:
        if not self.definition.training:
            return self._middle(clip)
        part, still = self._part(clip), [0] * self._length
        if part < self._length:
            starts = [i * part * self._by_planes for i in range(self.p.num_segments)]
            return [(start, still) for start in starts]
        chosen = []
        for number in range(self.p.num_segments):
            start = self.frames.draw() % (part - self._length + 1) + number * part
            further = still
            if self._by_planes and self.p.rand_step:
                further = [int(n) % self.p.step for n in self.frames.raw(self._length)]
            chosen.append((start, further))
        return chosen

    def _middle(self, clip: ListedVideo) -> _Offsets:
        part, still = self._part(clip), [0] * self._length
        if part < self._length:
            return [(0, still)] * self.p.num_segments
        first = (part - self._length + 1) // 2
        return [(first + number * part, still) for number in range(self.p.num_segments)]

    def read(self, clip: ListedVideo, frames: _Offsets) -> Frames:
        color = not (self._flow or self.p.grayscale)
        segments = [self._segment(clip, start, further, color) for start, further in frames]
        return np.concatenate(segments)

    def _segment(self, clip: ListedVideo, start: int, further: list[int], color: bool) -> Frames:
        folder = self.definition.path(clip.name)
        numbers = [start + at + 1 + further[at] for at in range(0, self._length, self.p.step)]
        missing = bool(self.p.length_first)
        if not self._flow:
            names = [self._pattern % number for number in numbers]
            found = read_frames(folder, names, self._size, color, missing)
        else:
            sides = [[self._pattern % (side, number) for number in numbers] for side in "xy"]
            planes = [read_frames(folder, names, self._size, False, missing) for names in sides]
            found = np.concatenate(planes, 1)
        if self.p.length_first:
            found = found.transpose(1, 0, 2, 3)
        return found.reshape(-1, *found.shape[2:])
