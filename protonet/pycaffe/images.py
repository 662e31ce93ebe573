"""Images out of files as pycaffe hands them on, and crops out of images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from protonet.arrays import Array
from protonet.data.image_decode import decode

_LUMINANCE = (0.2125, 0.7154, 0.0721)  # of red, green and blue, as scikit-image weighs them


def load_image(filename: str | os.PathLike[str] | BinaryIO, color: bool = True) -> Array:
    """An image as (h, w, 3) RGB or, without ``color``, (h, w, 1), float32 from 0 to 1.

    ``filename`` may be an open file. Transparency is left out. OSError where it can't be read,
    ValueError where it is no image. Source: pycaffe's io.load_image.
    """
    try:
        image = decode(_content(filename), None)
    except ValueError as error:
        raise ValueError(f"{filename} can't be read as an image: {error}") from None
    image = _as_float(image)
    if image.ndim == 2:
        image = image[:, :, np.newaxis]
        return np.tile(image, (1, 1, 3)) if color else image
    rgb = image[:, :, 2::-1]
    return np.ascontiguousarray(rgb if color else _gray(rgb))


def _content(file: str | os.PathLike[str] | BinaryIO) -> bytes:
    """The bytes of a file. ValueError where it is an address, or open as text."""
    if isinstance(file, str | os.PathLike):
        if str(file).startswith(("http://", "https://", "ftp://")):
            raise ValueError("it is an address, not a file; download it first")
        return Path(file).read_bytes()
    content = file.read()
    if isinstance(content, str):
        what = "it is open as text; open it with 'rb', or use BytesIO for StringIO"
        raise ValueError(what)  # noqa: TRY004 (the caller adds the name)
    return content


def _as_float(image: Array) -> Array:
    """Whole numbers as parts of the largest that there are, as skimage.img_as_float."""
    if np.issubdtype(image.dtype, np.floating):
        return image.astype(np.float32)
    return (image / float(np.iinfo(image.dtype).max)).astype(np.float32)


def _gray(rgb: Array) -> Array:
    """(h, w, 3) to (h, w, 1), as skimage.color.rgb2gray."""
    gray: Array = rgb.astype(np.float64) @ np.array(_LUMINANCE)
    return gray.astype(np.float32)[:, :, np.newaxis]


def oversample(images: Any, crop_dims: Sequence[int] | Array) -> Array:
    """The four corners and the centre of each image, and then their mirror images.

    n images of (h, w, k) to (10 n, crop_h, crop_w, k), float32. ValueError where a crop is larger
    than its image. Source: pycaffe's io.oversample.
    """
    images = list(images)
    height, width, channels = images[0].shape
    crop_h, crop_w = (int(n) for n in crop_dims)
    if crop_h > height or crop_w > width:
        what = f"a crop of {crop_h}x{crop_w} is larger than its image, {height}x{width}"
        raise ValueError(what)
    tops_lefts = [(y, x) for y in (0, height - crop_h) for x in (0, width - crop_w)]
    tops_lefts.append((int(height / 2 - crop_h / 2), int(width / 2 - crop_w / 2)))
    crops = np.empty((10 * len(images), crop_h, crop_w, channels), np.float32)
    for number, image in enumerate(images):
        for index, (y, x) in enumerate(tops_lefts):
            crop = image[y : y + crop_h, x : x + crop_w]
            crops[10 * number + index] = crop
            crops[10 * number + 5 + index] = crop[:, ::-1]
    return crops
