"""Windows of images around the centers of true boxes, as the forks for YOLO draw them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.datum import planes
from protonet.data.extras import need
from protonet.data.random import Random

_f = np.float32
_WIDTH = 6


@dataclass(frozen=True, eq=False)
class BoxWindow:
    """Left, top, width and height of a window; None for the whole image. Its boxes (n, 6)."""

    place: tuple[int, int, int, int] | None
    boxes: Floats


def boxes_of(floats: Floats) -> Floats:
    """A record's true boxes (n, 6): class, difficult, center x and y, width, height.

    ValueError where there is none, where they are not whole, or of a class below 0.
    """
    if not len(floats) or len(floats) % _WIDTH:
        what = f"its true boxes are {len(floats)} numbers, which is no multiple of {_WIDTH}"
        raise ValueError(what if len(floats) else "it has no true boxes")
    boxes = floats.reshape(-1, _WIDTH)
    if not np.isfinite(boxes).all() or (boxes[:, 0] < 0).any():
        raise ValueError("a true box is of a class below 0, or no number")
    return boxes


def draw_window(boxes: Floats, size: tuple[int, int], random: Random) -> BoxWindow:
    """Draw windows until one has the center of a box; height and width are ``size``.

    Boxes whose centers are elsewhere are left out, the others keep their sizes, in whole pixels.
    ValueError where no window has one. Source: DataTransformer::Transform of yeahkun's fork.
    """
    height, width = size
    x, y, w, h = (
        (boxes[:, 2 + i] * _f(n)).astype(np.int64) for i, n in enumerate((width, height) * 2)
    )
    if not ((x >= 0) & (x < width - 1) & (y >= 0) & (y < height - 1)).any():
        raise ValueError(f"none of its boxes has its center in {height}x{width} less an edge")
    while True:
        scale = _f(1 - random.draw() % 30 / 100)
        wide, high = int(_f(width) * scale) - 1, int(_f(height) * scale) - 1
        left, top = random.draw() % (width - wide), random.draw() % (height - high)
        inside = (x >= left) & (x < left + wide) & (y >= top) & (y < top + high)
        if inside.any():
            break
    sides = np.stack([x - left, y - top, w, h], 1)[inside].astype(_f)
    sides /= np.array([wide, high] * 2, _f)
    return BoxWindow((left, top, wide, high), np.concatenate([boxes[inside, :2], sides], 1))


def seen_through(image: Array, window: BoxWindow) -> Array:
    """The window of a (channels, height, width) image, made as large as the image."""
    if window.place is None:
        return image
    cv2 = need("cv2", "a BoxData layer")
    left, top, wide, high = window.place
    part = np.ascontiguousarray(image.transpose(1, 2, 0)[top : top + high, left : left + wide])
    return planes(cv2.resize(part, (image.shape[2], image.shape[1])))
