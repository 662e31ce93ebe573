"""Windows around a box of an image that is resized so that the box gets a wanted size."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.detection.boxes import WHOLE, Boxes
from protonet.data.detection.samplers import Limits
from protonet.data.detection.stream import Stream
from protonet.data.extras import need
from protonet.schema.pool import Message

_LIMITS = Limits(2, np.float32(0.85), np.float32(np.inf))
_CUBIC = 2  # OpenCV's number


@dataclass(frozen=True)
class Zoom:
    """The size of an image, (height, width), before a window of it is cut out."""

    height: int
    width: int

    def image(self, image: Array) -> Array:
        """An image of that size. ValueError where that is none."""
        if self.height < 1 or self.width < 1:
            shown = "x".join(str(n) for n in image.shape[:2])
            raise ValueError(f"it is {shown}, and resized {self.height}x{self.width}")
        cv2 = need("cv2", "an image")
        resized: Array = cv2.resize(image, (self.width, self.height), interpolation=_CUBIC)
        return resized

    def boxes(self, boxes: Boxes) -> Boxes:
        """The boxes inside it, without instances and landmarks, which the fork leaves behind."""
        low = np.maximum(boxes.corners[:, :2], np.float32(0))
        high = np.minimum(boxes.corners[:, 2:], np.float32(1))
        corners = np.concatenate([low, high], 1)
        instances = np.zeros_like(boxes.instances)
        return replace(boxes, corners=corners, instances=instances, points=None)


@dataclass(frozen=True)
class BoxSampler:
    """A random box gets a side from one of the ranges of its own size or below.

    The window is of the net's size, its middle up to a stride from the box's, and may reach beyond
    the image. Source: GenerateLFFDSample of yuqj1991's caffe_train, with its crop_type
    CROP_GT_BBOX.
    """

    small: tuple[int, ...]
    large: tuple[int, ...]
    strides: tuple[int, ...]
    net: tuple[int, int]

    @classmethod
    def of(cls, p: Message, net: tuple[int, int]) -> BoxSampler:
        """From an LFFDSampler message, for images resized to the height and width of a net."""
        small = tuple(box.bbox_small_scale for box in p.box)
        large = tuple(box.bbox_large_scale for box in p.box)
        return cls(small, large, tuple(box.ancher_stride for box in p.box), net)

    def window(
        self, stream: Stream, boxes: Boxes, size: tuple[int, int]
    ) -> tuple[Zoom | None, Floats]:
        """How the image is resized and what of it is cut out, or all of it as it is.

        ValueError without boxes, or where the one that is drawn has no extent.
        """
        if not len(boxes):
            raise ValueError("it has no box, and bbox_sampler goes by one")
        height, width = size
        box = boxes.corners[stream.draw() % len(boxes)]
        extent = (box[2:] - box[:2]) * np.array([width, height], np.float32)
        longer = np.float32(extent.max())
        if not longer > 0:
            raise ValueError("a box of it has no extent, and bbox_sampler goes by one")
        place = self._range(stream, longer)
        scale = np.float32(self._side(stream, place)) / longer
        zoom = Zoom(int(np.float32(height) * scale), int(np.float32(width) * scale))
        stride = float(self.strides[place])
        moved = [stream.uniform(-stride, stride) for _ in range(2)]
        sides = np.array([zoom.width, zoom.height], np.float32)
        middle = (box[:2] * sides + box[2:] * sides) / np.float32(2) + np.array(moved, np.float32)
        half = np.array([self.net[1] // 2, self.net[0] // 2], np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            window = np.concatenate([(middle - half) / sides, (middle + half) / sides])
        if not _LIMITS.met(window[None], boxes)[0]:
            return None, WHOLE
        return zoom, window.astype(np.float32)

    def _range(self, stream: Stream, longer: np.float32) -> int:
        """Which of the ranges; the first where none of the upper ones has the size."""
        last = len(self.small) - 1
        if longer <= self.small[0]:
            return 0
        for most in (1, 2):
            if longer <= self.small[most]:
                return stream.draw() % (most + 1)
        if longer >= self.small[last]:
            return last
        upper = range(3, last)
        return next((i for i in upper if self.small[i] <= longer < self.small[i + 1]), 0)

    def _side(self, stream: Stream, place: int) -> int:
        """How long the box becomes."""
        large = self.large[place]
        if place == len(self.small) - 1:
            return large + stream.draw() % int(large * 0.5)
        return self.small[place] + stream.draw() % (large - self.small[place])
