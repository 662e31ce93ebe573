"""Crop, resize and mirror all frames of a video alike, as yjxiong's fork and C3D's do."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.definition import Definition
from protonet.data.extras import need
from protonet.data.levels import Levels
from protonet.data.volume_mean import read_volume_mean
from protonet.reading import taking

_KNOWN = {"scale", "mirror", "crop_size", "mean_file", "mean_value"}
_OF_SEGMENTS = {
    *("fix_crop", "more_fix_crop", "multi_scale", "scale_ratios", "max_distort", "is_flow"),
}
_RATIOS = (1.0, 0.875, 0.75, 0.66)
_NEAR = 3  # a crop so near to the net's input is as large
_CORNERS = ((0, 0), (0, 4), (4, 0), (4, 4), (2, 2))
_MORE = ((0, 2), (4, 2), (2, 0), (2, 4), (1, 1), (1, 3), (3, 1), (3, 3))
_BRIGHTEST = 255


class FramePlace(NamedTuple):
    """The part of a video's frames that is cut out, and whether it is mirrored."""

    top: int
    left: int
    height: int
    width: int
    mirror: bool

    def of(self, frames: Array) -> Array:
        """That part, of the last two axes."""
        down = slice(self.top, self.top + self.height)
        return frames[..., down, self.left : self.left + self.width]


class VideoCrop:
    """The transformation of videos of (channels, h, w) or (channels, frames, h, w).

    In TRAIN crops are drawn, in the order mirror, size, corner; with ``segments`` from the sizes
    of multi_scale and the corners of fix_crop where these are set. ``axes`` are those of a video.
    C3D's ``first`` release draws corner, then mirror, and never the last corner of all.
    Source: DataTransformer::Transform of yjxiong's Caffe fork, VideoTransform of C3D's, and
    VideoDataLayerPrefetch of its first release.
    """

    def __init__(
        self, definition: Definition, axes: int, *, segments: bool = False, first: bool = False
    ) -> None:
        self._t: Any = definition.layer.transform_param
        self._first = first
        known = _KNOWN | (_OF_SEGMENTS if segments else set())
        definition.refuse_others(self._t, known, "transform_param")
        self._levels = Levels(definition, repeated=segments)
        self._mean = read_volume_mean(definition, axes)
        self._crops = definition.training and self._t.crop_size > 0
        self._scales = bool(self._t.multi_scale) and self._crops
        self._ratios = np.array(self._t.scale_ratios or _RATIOS, np.float32)
        self._corners = _CORNERS + (_MORE if self._t.more_fix_crop else ())
        self._refuse_wrong(definition)

    def _refuse_wrong(self, definition: Definition) -> None:
        wrong = np.flatnonzero(self._ratios <= 0)
        if wrong.size:
            what = f"a scale ratio of {self._ratios[wrong[0]]:g} leaves nothing of a frame"
            raise definition.error(what, "transform_param", "scale_ratios", int(wrong[0]))
        if self._t.max_distort < 0:
            what = f"max_distort is at least 0, not {self._t.max_distort}"
            raise definition.error(what, "transform_param", "max_distort")
        if self._first and self._t.mirror and not self._t.crop_size:
            what = "mirror takes a crop_size, as in C3D's first release"
            raise definition.error(what, "transform_param", "mirror")

    @property
    def columns(self) -> int:
        """How many random numbers a video takes."""
        corner = (1 if self._t.fix_crop else 2) if self._crops else 0
        return int(self._t.mirror) + self._scales + corner

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """What a video of a shape becomes. ValueError where it is smaller than the crop."""
        crop = self._t.crop_size
        if not crop:
            return shape
        if min(shape[-2:]) < crop + self._first:
            shown, least = f"{shape[-2]}x{shape[-1]}", "not larger" if self._first else "smaller"
            raise ValueError(f"it is {shown}, {least} than crop_size {crop}")
        return (*shape[:-2], crop, crop)

    def write(self, frames: Array, numbers: list[int], out: Floats) -> None:
        """Write a transformed video. ValueError where its size does not fit."""
        self.shape(frames.shape)
        place = self.place(frames.shape, numbers)
        mean = self._mean_at(frames.shape, place)
        cut = self._sized(place.of(frames))
        if place.mirror:
            if self._t.is_flow:
                cut = cut.copy()
                cut[::2] = _BRIGHTEST - cut[::2]
            cut, mean = cut[..., ::-1], None if mean is None else mean[..., ::-1]
        self._levels.write(cut, out, mean)

    def place(self, shape: tuple[int, ...], numbers: list[int]) -> FramePlace:
        """The part of a video of a shape that its random numbers mean."""
        drawn = iter(numbers)
        high, wide = shape[-2:]
        crop = self._t.crop_size
        if self._first and self._crops:
            top, left = next(drawn) % (high - crop), next(drawn) % (wide - crop)
            return FramePlace(top, left, crop, crop, bool(self._t.mirror) and next(drawn) % 2 == 1)
        mirror = bool(self._t.mirror) and next(drawn) % 2 == 1
        if not crop:
            return FramePlace(0, 0, high, wide, mirror)
        if not self._crops:
            return FramePlace((high - crop) // 2, (wide - crop) // 2, crop, crop, mirror)
        height, width = crop, crop
        if self._scales:
            sizes = crop_sizes(high, wide, crop, self._ratios, self._t.max_distort)
            height, width = sizes[next(drawn) % len(sizes)]
        down, across = high - height, wide - width
        if min(down, across) < 0:
            what = f"scale_ratios make a crop of {height}x{width} of its {high}x{wide}"
            raise ValueError(what)
        if not self._t.fix_crop:
            top, left = next(drawn) % (down + 1), next(drawn) % (across + 1)
            return FramePlace(top, left, height, width, mirror)
        row, column = self._corners[next(drawn) % len(self._corners)]
        return FramePlace(row * (down // 4), column * (across // 4), height, width, mirror)

    def _sized(self, cut: Array) -> Array:
        """A crop as large as the net's input, each channel resized by itself."""
        crop = self._t.crop_size
        if not crop or cut.shape[-2:] == (crop, crop):
            return cut
        cv2: Any = need("cv2", "a video that is scaled")
        with taking(f"OpenCV can't resize it to {crop}x{crop}"):
            planes = [cv2.resize(plane, (crop, crop)) for plane in cut.reshape(-1, *cut.shape[-2:])]
        return np.stack(planes).reshape(*cut.shape[:-2], crop, crop)

    def _mean_at(self, shape: tuple[int, ...], place: FramePlace) -> Floats | None:
        """The mean's part; with multi_scale its first corner, wherever the crop is."""
        if self._mean is None:
            return None
        if self._mean.shape != shape:
            shown = ["x".join(str(n) for n in size) for size in (shape, self._mean.shape)]
            raise ValueError(f"it is {shown[0]}, but the mean file is {shown[1]}")
        crop = self._t.crop_size
        if self._t.multi_scale and crop:
            return self._mean[..., :crop, :crop]
        return place.of(self._mean)


def crop_sizes(
    high: int, wide: int, crop: int, ratios: Floats, distort: int
) -> list[tuple[int, int]]:
    """Heights and widths of crops: ratios of the shorter side, at most ``distort`` steps apart.

    Source: fillCropSize.
    """
    sides = [int(np.float32(min(high, wide)) * ratio) for ratio in ratios]
    sides = [crop if abs(side - crop) < _NEAR else side for side in sides]
    pairs = [(i, j) for i in range(len(sides)) for j in range(len(sides))]
    return [(sides[i], sides[j]) for i, j in pairs if abs(i - j) <= distort]
