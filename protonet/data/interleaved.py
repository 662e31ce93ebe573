"""Colour images as OpenCV has them, channels together in each pixel, into planes, quickly."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Array, Floats
from protonet.data.extras import need

_scratch = threading.local()


def is_interleaved(image: Array) -> bool:
    """Whether (3, height, width) bytes lie in memory as OpenCV decodes them."""
    return bool(
        image.dtype == np.uint8
        and image.shape[0] == 3
        and image.strides[0] == 1
        and image.strides[2] == 3
    )


def subtract_interleaved(
    image: NDArray[np.uint8], mean: Floats | None, mirror: bool, out: Floats
) -> None:
    """Write the image, mirrored or not, less the mean into planes; (3, 1, 1) are means of channels.

    The same numbers as numpy gives, in a third of the time: it is the bytes that are put in planes,
    a quarter of what numbers are, and OpenCV's loops are vectorised for them.
    """
    cv2 = need("cv2", "an image of colour")
    planes = _memory("planes", out.shape)
    cv2.split(image.transpose(1, 2, 0), [planes[0], planes[1], planes[2]])
    turned = _memory("turned", out.shape[1:]) if mirror else None
    for n, (plane, target) in enumerate(zip(planes, out, strict=True)):
        pixels = plane if turned is None else cv2.flip(plane, 1, turned)
        if mean is not None and mean.shape == out.shape:
            cv2.subtract(pixels, mean[n], target, dtype=cv2.CV_32F)
            continue
        np.copyto(target, pixels)
        if mean is not None:
            np.subtract(target, mean[n], out=target)


def _memory(name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Memory of this thread's own, kept from image to image."""
    kept: dict[str, NDArray[np.uint8]] = _scratch.__dict__.setdefault("memory", {})
    if name not in kept or kept[name].shape != shape:
        kept[name] = np.empty(shape, np.uint8)
    return kept[name]
