"""An image on a larger canvas: what expand_param does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.detection.stream import Stream
from protonet.data.image_decode import MOST_PIXELS
from protonet.schema.pool import Message

_ALMOST = 1e-2


@dataclass(frozen=True)
class Expansion:
    """The size of a canvas, and where the image lies on it."""

    height: int
    width: int
    top: int
    left: int

    def window(self, height: int, width: int) -> Floats:
        """The canvas in parts of the image of that size, as one would cut it out."""
        extent = np.tile(np.array([width, height], np.float32), 2)
        right, bottom = self.width - self.left, self.height - self.top
        return np.array([-self.left, -self.top, right, bottom], np.float32) / extent

    def apply(self, image: Array, means: Floats) -> Array:
        """The canvas of the means' colour, black where there are none, with the image on it.

        ValueError where there are not as many means as channels. Source: ExpandImage.
        """
        channels = image.shape[2] if image.ndim == 3 else 1
        if means.size not in (0, 1, channels):
            what = f"mean_value is given {means.size} times for {channels} channels"
            raise ValueError(what)
        canvas: Array = np.zeros((self.height, self.width, *image.shape[2:]), np.uint8)
        if means.size:
            canvas[...] = np.clip(np.rint(means), 0, 255)[: channels if image.ndim == 3 else 1]
        height, width = image.shape[:2]
        canvas[self.top : self.top + height, self.left : self.left + width] = image
        return canvas


def draw_expansion(p: Message, stream: Stream, height: int, width: int) -> Expansion | None:
    """The canvas of an image of that size; None where it stays as it is.

    ValueError where the canvas would be too large.
    """
    if stream.uniform(0, 1) > np.float32(p.prob):
        return None
    if abs(np.float32(p.max_expand_ratio) - np.float32(1)) < _ALMOST:
        return None
    ratio = stream.uniform(1, p.max_expand_ratio)
    high, wide = int(np.float32(height) * ratio), int(np.float32(width) * ratio)
    if high * wide > MOST_PIXELS:
        raise ValueError(f"it is {height}x{width}, and expanded {high}x{wide}")
    top = int(stream.uniform(0, high - height))
    left = int(stream.uniform(0, wide - width))
    return Expansion(high, wide, top, left)
