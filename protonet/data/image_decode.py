"""Encoded images into pixels and back: the one place that asks OpenCV for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protonet.data.extras import need
from protonet.data.image_header import claimed_size, longest_claim
from protonet.reading import taking

Image = NDArray[Any]
# Deflate packs 1032 bytes into one, and no image of a camera comes near that.
_MOST_PACKED = 1100
_ALWAYS = 1 << 22
MOST_PIXELS = 1 << 28


def decode(data: bytes, color: bool | None) -> Image:
    """An image as (height, width) or (height, width, channels), BGR where it is of colour.

    ``color`` forces it to colour or gray; None takes it as it is encoded, in its own precision.
    ValueError where it is none, or claims more pixels than its bytes can hold.
    """
    cv2 = need("cv2", "an image")
    if not data:
        raise ValueError("the file is empty")
    height, width = claimed_size(data) or (0, 0)
    if height * width > _most_pixels(data):
        what = f"it claims {height}x{width} pixels, too many for its {len(data):,} bytes"
        raise ValueError(what)
    if (more := longest_claim(data)) > _ALWAYS:
        raise ValueError(f"a part of it claims {more:,} bytes more than its {len(data):,}")
    flags = {None: cv2.IMREAD_UNCHANGED, True: cv2.IMREAD_COLOR, False: cv2.IMREAD_GRAYSCALE}
    with taking("OpenCV can't decode it"):
        image: Image | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags[color])
    if image is None or not image.size:
        raise ValueError("OpenCV can't decode it")
    return image


def _most_pixels(data: bytes) -> int:
    """How many pixels so many bytes may stand for; a PNG may have several in each byte."""
    depth = data[24] if data.startswith(b"\x89PNG") and data[24:25] in (b"\1", b"\2", b"\4") else 8
    return min(max(_ALWAYS, len(data) * _MOST_PACKED * 8 // depth), MOST_PIXELS)


def encode(image: Image, suffix: str) -> bytes:
    """An image in the form of a file's suffix, with OpenCV's own settings. ValueError if it can't.

    Source: EncodeCVMatToDatum.
    """
    cv2 = need("cv2", "an image")
    wrong = f"OpenCV can't encode an image as {suffix.lstrip('.')!r}; png and jpg are kinds"
    with taking(wrong):
        fine, data = cv2.imencode(suffix, image)
    if not fine:
        raise ValueError(wrong)
    return bytes(data.tobytes())
