"""How an image is brought to the size of a net, and its boxes with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.detection.stream import Stream
from protonet.data.extras import need
from protonet.schema.pool import Message

WARP, FIT_SMALL, FIT_LARGE = 1, 2, 3
# The numbers that OpenCV gives LINEAR, AREA, NEAREST, CUBIC, LANCZOS4 and the kinds of border.
_WAYS = {1: 1, 2: 3, 3: 0, 4: 2, 5: 4}
_LINEAR = 1
_BORDERS = {1: 0, 2: 4, 3: 1}


@dataclass(frozen=True)
class Resize:
    """One resize_param. Source: im_transforms of SSD's fork."""

    mode: int
    height: int
    width: int
    border: int
    fill: tuple[float, ...]
    ways: tuple[int, ...]
    scale: tuple[int, int]

    @classmethod
    def of(cls, p: Message) -> Resize:
        """From a ResizeParameter, whose sizes are positive."""
        scale = (p.height_scale, p.width_scale)
        border, ways = _BORDERS[p.pad_mode], tuple(_WAYS[way] for way in p.interp_mode)
        return cls(p.resize_mode, p.height, p.width, border, tuple(p.pad_value), ways, scale)

    def way(self, stream: Stream) -> int:
        """Draw OpenCV's number of an interpolation. Source: ApplyResize."""
        if not self.ways:
            return _LINEAR
        return self.ways[stream.weighted([1 / len(self.ways)] * len(self.ways))]

    def fitted(self, height: int, width: int) -> tuple[np.float32, np.float32]:
        """The height and width that an image gets, not rounded."""
        new = np.float32(self.height), np.float32(self.width)
        aspect = np.float32(width) / np.float32(height)
        if self.mode != FIT_SMALL:
            return new
        if aspect < new[1] / new[0]:
            return new[1] / aspect, new[1]
        return new[0], aspect * new[0]

    def size(self, height: int, width: int) -> tuple[int, int]:
        """The height and width of a resized image. Source: InferNewSize."""
        new = self.fitted(height, width)
        return int(new[0]), int(new[1])

    def corners(self, corners: Floats, height: int, width: int) -> Floats:
        """Boxes in parts of the resized image. Source: UpdateBBoxByResizePolicy."""
        old = np.array([width, height], np.float32)
        new = np.array(self.fitted(height, width)[::-1], np.float32)
        pad = self._padding(old, new)
        both, span = np.tile(old, 2), np.tile(new - 2 * pad, 2)
        moved = corners * both * span / both
        low, high = np.maximum(0, moved[:, :2]), np.minimum(new, moved[:, 2:])
        placed = np.concatenate([pad + low, pad + high], 1) / np.tile(new, 2)
        return placed.astype(np.float32)

    def points(self, points: Floats, height: int, width: int) -> Floats:
        """Points (n, 2) in parts of the resized image, which they don't leave.

        Source: UpdateLandmarkFacePoseByResizePolicy of yuqj1991's caffe_train.
        """
        old = np.array([width, height], np.float32)
        new = np.array(self.fitted(height, width)[::-1], np.float32)
        pad = self._padding(old, new)
        moved = pad + points * old * (new - 2 * pad) / old
        return (np.clip(moved, 0, new) / new).astype(np.float32)

    def _padding(self, old: Floats, new: Floats) -> Floats:
        """What FIT_LARGE_SIZE_AND_PAD puts beside the image on each side, across and down."""
        pad = np.zeros(2, np.float32)
        if self.mode == FIT_LARGE:
            aspect = old[0] / old[1]
            if aspect > new[0] / new[1]:
                pad[1] = (new[1] - new[0] / aspect) / 2
            else:
                pad[0] = (new[0] - aspect * new[1]) / 2
        return pad

    def extrapolated(self, corners: Floats, window: Floats, height: int, width: int) -> Floats:
        """Boxes in units of height_scale and width_scale. Source: ExtrapolateBBox.

        ValueError where the window is smaller than these.
        """
        if self.mode != FIT_SMALL or not all(self.scale):
            return corners
        cut = np.array(self.fitted(height, width), np.float32) * (window[2:] - window[:2])[::-1]
        if cut[0] < self.scale[0] or cut[1] < self.scale[1]:
            what = f"what is cut out of it is {cut[0]:.0f}x{cut[1]:.0f}"
            raise ValueError(f"{what}, smaller than height_scale and width_scale")
        factor = np.tile((cut / np.array(self.scale, np.float32))[::-1], 2)
        return (corners * factor).astype(np.float32)

    def apply(self, image: Array, way: int) -> Array:
        """An image (height, width, ...) resized. ValueError where nothing is left of it."""
        cv2 = need("cv2", "an image")
        height, width = self._inner(*image.shape[:2])
        if height < 1 or width < 1:
            shape = "x".join(str(n) for n in image.shape[:2])
            raise ValueError(f"it is {shape}, and resized {height}x{width}")
        resized: Array = cv2.resize(image, (width, height), interpolation=way)
        if self.mode != FIT_LARGE:
            return resized
        rows, columns = self.height - height, self.width - width
        sides = (rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)
        padded: Array = cv2.copyMakeBorder(resized, *sides, self.border, value=self._fill(image))
        return padded

    def _inner(self, height: int, width: int) -> tuple[int, int]:
        """The size of the image itself, within its padding."""
        if self.mode != FIT_LARGE:
            return self.size(height, width)
        new = np.float32(self.height), np.float32(self.width)
        aspect = np.float32(width) / np.float32(height)
        if aspect > new[1] / new[0]:
            return int(new[1] / aspect), self.width
        return self.height, int(aspect * new[0])

    def _fill(self, image: Array) -> tuple[float, ...]:
        channels = image.shape[2] if image.ndim == 3 else 1
        if len(self.fill) not in (0, 1, channels):
            raise ValueError(f"pad_value is given {len(self.fill)} times for {channels} channels")
        return self.fill if len(self.fill) == channels else tuple(self.fill or (0.0,)) * channels
