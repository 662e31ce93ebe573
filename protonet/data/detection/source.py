"""The image of a record as OpenCV holds it, and its size before it is decoded."""

from __future__ import annotations

import numpy as np

from protonet.arrays import Array
from protonet.data.datum import Datum, pixels
from protonet.data.image_header import claimed_size

_HEAD = 1 << 16  # bytes in which a camera says how it was held


def image_of(datum: Datum, color: bool | None) -> Array:
    """(height, width) where it is of one channel, else (height, width, channels), BGR."""
    found = pixels(datum, color)
    image = found[0] if found.shape[0] == 1 else found.transpose(1, 2, 0)
    return np.ascontiguousarray(image)


def image_size(datum: Datum, color: bool | None) -> tuple[int, int]:
    """The height and width of the image. ValueError where it can't be decoded.

    It is decoded for them where OpenCV turns it as the camera was held, or where its head says
    nothing.
    """
    if not datum.encoded:
        return datum.height, datum.width
    turns = color is not None and b"Exif" in datum.data[:_HEAD]
    size = None if turns else claimed_size(datum.data)
    if size is None:
        height, width = image_of(datum, color).shape[:2]
        return height, width
    return size
