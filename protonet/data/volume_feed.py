"""VideoSegmentationData and VideoWithVoxelTruthData: volumes whose last channels are the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Array, Floats
from protonet.data.buffers import new_array
from protonet.data.definition import Definition, Seeds
from protonet.data.feed import Allocate, Batch, Feed, feeds
from protonet.data.fitting import fit
from protonet.data.pair_list import NONE, Pair, read_pairs
from protonet.data.position import Position
from protonet.data.random import Mark, Random
from protonet.data.rounds import Rounds, RoundsMark
from protonet.data.video_crop import VideoCrop
from protonet.data.volume_file import read_volume
from protonet.diagnostics import NetError

_FIELD = "image_data_param"
_KNOWN = {"source", "batch_size", "shuffle", "rand_skip", "show_data", "new_length"}
_OF_TRUTH = {
    *("num_truth_channels", "is_flow", "truth_scale"),
    *("use_byte_input", "clip_min", "clip_max"),
}


class _Planned(NamedTuple):
    volumes: list[Pair]
    numbers: NDArray[np.uint32]


@dataclass(frozen=True)
class _Mark:
    rounds: RoundsMark
    random: Mark


@feeds
class VoxelTruthFeed(Feed):
    """Volumes in files of C3D's own form, their last num_truth_channels apart, as (n, c, l, h, w).

    The truth is cropped and mirrored with the rest, multiplied by truth_scale, or brought from
    clip_min and clip_max to 0 and 1; a mirror turns is_flow's first channel round. Source:
    VideoWithVoxelTruthDataLayer of C3D's Caffe fork, whose draws are the C library's.
    """

    type = "VideoWithVoxelTruthData"
    known = _KNOWN | _OF_TRUTH

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self._p: Any = definition.layer.image_data_param
        definition.refuse_others(self._p, self.known, _FIELD)
        self._batch = definition.batch_size(self._p, _FIELD)
        self._crop = VideoCrop(definition, 4, first=True)
        self._refuse_clips()
        path = definition.readable(self._p.source, _FIELD, "source")
        with definition.placing(_FIELD, "source"):
            volumes = read_pairs(path, NONE)
        seeds = Seeds(definition)
        self._rounds = Rounds(definition, seeds, volumes, _FIELD)
        self._random = Random(seeds.own())
        self._infer(self._rounds.current)

    @property
    def truths(self) -> int:
        """How many channels of a volume are its truth."""
        return int(self._p.num_truth_channels)

    @property
    def byte(self) -> bool:
        """Whether a file holds bytes."""
        return bool(self._p.use_byte_input)

    def truth(self, values: Array, mirror: bool) -> Floats:
        """The truth of a volume, cut out, as values."""
        found = values.astype(np.float32)
        if not self.definition.layer.transform_param.crop_size:
            return found
        if mirror and self._p.is_flow:
            found[0] = -found[0]
        if self._p.HasField("clip_min"):
            low, high = np.float32(self._p.clip_min), np.float32(self._p.clip_max)
            found = np.clip((found - low) / (high - low), 0, 1)
        else:
            found *= np.float32(self._p.truth_scale)
        return found

    def _refuse_clips(self) -> None:
        low, high = self._p.clip_min, self._p.clip_max
        if self._p.HasField("clip_min") and low >= high:
            what = f"clip_min {low:g} is not below clip_max {high:g}"
            raise self.definition.error(what, _FIELD, "clip_min")

    def _infer(self, first: Pair) -> None:
        volume = self._read(first)
        shape = self._crop.shape(volume.shape)
        rest = shape[1:]
        shapes = (self._batch, shape[0] - self.truths, *rest), (self._batch, self.truths, *rest)
        self.shapes = dict(zip(self.definition.tops, shapes, strict=True))

    def _read(self, volume: Pair) -> Array:
        try:
            found: Array = read_volume(self.definition.path(volume.image), self.byte)
            self._crop.shape(found.shape)
            self._check(found.shape)
        except ValueError as error:
            raise self._broken(volume, error) from None
        return found

    def _check(self, shape: tuple[int, ...]) -> None:
        """ValueError where a volume is all truth, or of another length than is stated."""
        if not 0 < self.truths < shape[0]:
            raise ValueError(f"it has {shape[0]} channels, and {self.truths} would be its truth")
        if self._p.new_length not in (0, shape[1]):
            raise ValueError(f"it has {shape[1]} frames, and new_length is {self._p.new_length}")

    def _broken(self, volume: Pair, error: Exception) -> NetError:
        where = f"line {volume.line} of {self._p.source}"
        what = f"the volume {volume.image!r} ({where}) can't be taken: {error}"
        return self.definition.error(what, _FIELD, "source")

    def plan(self) -> _Planned:
        raw = self._random.raw(self._batch * self._crop.columns)
        return _Planned(self._rounds.take(self._batch), raw.reshape(self._batch, -1))

    def make(self, planned: _Planned, new: Allocate = new_array) -> Batch:
        arrays: list[Floats] = []
        for row, entry in enumerate(planned.volumes):
            volume, numbers = self._read(entry), planned.numbers[row].tolist()
            data, truth = volume[: -self.truths], volume[-self.truths :]
            if not arrays:
                shapes = [self._crop.shape(part.shape) for part in (data, truth)]
                arrays = [new((len(planned.volumes), *shape)) for shape in shapes]
            place = self._crop.place(volume.shape, numbers)
            try:
                fit(self._crop.shape(data.shape), arrays[0].shape[1:])
                fit(self._crop.shape(truth.shape), arrays[1].shape[1:], "its truth")
                self._crop.write(data, numbers, arrays[0][row])
            except ValueError as error:
                raise self._broken(entry, error) from None
            cut = place.of(truth)
            arrays[1][row] = self.truth(cut[..., ::-1] if place.mirror else cut, place.mirror)
        return dict(zip(self.definition.tops, arrays, strict=True))

    def mark(self) -> _Mark:
        return _Mark(self._rounds.mark(), self._random.mark())

    def marked(self, mark: _Mark) -> Position:
        return {**mark.rounds.state(), "random": mark.random.state()}

    def go_to(self, state: Position) -> None:
        self._rounds.go_to(state)
        self._random.back_to(Mark.of(state["random"]))


@feeds
class VideoSegmentationFeed(VoxelTruthFeed):
    """Volumes of bytes whose last channel is each voxel's label.

    Source: VideoSegmentationDataLayer of C3D's Caffe fork.
    """

    type = "VideoSegmentationData"
    known = _KNOWN
    truths = 1
    byte = True

    def truth(self, values: Array, mirror: bool) -> Floats:
        """The labels as they are."""
        return values.astype(np.float32)
