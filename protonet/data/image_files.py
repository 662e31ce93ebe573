"""Image files, read and resized as Caffe reads them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protonet.data.extras import need
from protonet.data.image_decode import MOST_PIXELS, Image, decode
from protonet.reading import reason, taking

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Size:
    """What an image is brought to: height and width, or its short side, then its centre.

    0 leaves a thing as it is. ``cubic`` says by which of OpenCV's interpolations.
    """

    height: int = 0
    width: int = 0
    short_side: int = 0
    center: int = 0
    cubic: bool = False

    @property
    def keeps(self) -> bool:
        """Whether every image stays as large as it is."""
        return not any((self.height and self.width, self.short_side, self.center))


def read_image(path: Path, size: Size, color: bool) -> Image:
    """An image as (height, width, 3), BGR, or (height, width) where it is not to be of colour.

    ValueError where it can't be. Source: ReadImageToCVMat, whose resize is OpenCV's linear one.
    """
    return resized(decode(content(path), color), size)


def content(path: Path) -> bytes:
    """The bytes of a file. ValueError, with the reason, where it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(reason(error)) from None


def resized(image: Image, size: Size) -> Image:
    """Bring an image to a size. ValueError where the centre to keep is larger than it."""
    height, width = image.shape[:2]
    wanted = brought_to(height, width, size)
    if wanted != (height, width):
        if wanted[0] * wanted[1] > MOST_PIXELS:
            raise ValueError(f"it is {height}x{width}, and would become {wanted[0]}x{wanted[1]}")
        cv2: Any = need("cv2", "an image file")
        with taking(f"OpenCV can't resize {height}x{width} to {wanted[0]}x{wanted[1]}"):
            way = cv2.INTER_CUBIC if size.cubic else cv2.INTER_LINEAR
            image = cv2.resize(image, (wanted[1], wanted[0]), interpolation=way)
    if not size.center:
        return image
    top, left = (wanted[0] - size.center) // 2, (wanted[1] - size.center) // 2
    if min(top, left) < 0:
        raise ValueError(f"it is {wanted[0]}x{wanted[1]}, smaller than the centre {size.center}")
    return image[top : top + size.center, left : left + size.center]


def brought_to(height: int, width: int, size: Size) -> tuple[int, int]:
    """What an image of that height and width becomes, before a centre is kept."""
    if size.short_side:
        scale = size.short_side / min(height, width)
        return _side(height, scale), _side(width, scale)
    return (size.height, size.width) if size.height and size.width else (height, width)


def _side(length: int, scale: float) -> int:
    return max(1, int(length * scale + 0.5))


def suffix(path: str) -> str:
    """A file's kind by its name, such as ``jpg``; "" where it has none."""
    return os.path.splitext(path)[1][1:].lower()
