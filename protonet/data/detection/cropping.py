"""The part of an image that a window of it shows."""

from __future__ import annotations

import numpy as np

from protonet.arrays import Array, Floats


def cropped(image: Array, window: Floats) -> Array:
    """What lies in a window of the image. ValueError where that is no pixel. Source: CropImage."""
    height, width = image.shape[:2]
    left, top, right, bottom = np.clip(window, 0, 1) * np.array([width, height] * 2, np.float32)
    columns, rows = int(right - left), int(bottom - top)
    if columns < 1 or rows < 1:
        raise ValueError(f"it is {height}x{width}, and {rows}x{columns} of it were sampled")
    return image[int(top) : int(top) + rows, int(left) : int(left) + columns]


def cropped_beyond(image: Array, window: Floats) -> Array:
    """The same of a window that may reach beyond the image, where it is black.

    Source: CropImageData_Anchor of yuqj1991's caffe_train.
    """
    height, width = image.shape[:2]
    extent = np.array([width, height], np.float32)
    low, high = window[:2] * extent, window[2:] * extent
    columns, rows = (int(side) for side in high - low)
    if columns < 1 or rows < 1:
        raise ValueError(f"it is {height}x{width}, and {rows}x{columns} of it were sampled")
    canvas: Array = np.zeros((rows, columns, *image.shape[2:]), image.dtype)
    start, end = np.clip(low, 0, extent), np.clip(low + (high - low) - 1, 0, extent)
    wide, tall = (int(side) for side in end - start)
    left, top = (int(max(0.0, -float(side))) for side in low)
    x, y = (int(side) for side in start)
    if wide > 0 and tall > 0:
        canvas[top : top + tall, left : left + wide] = image[y : y + tall, x : x + wide]
    return canvas


def cropped_size(height: int, width: int, window: Floats, beyond: bool) -> tuple[int, int]:
    """The size of what a window shows."""
    given = window if beyond else np.clip(window, 0, 1)
    left, top, right, bottom = given * np.array([width, height] * 2, np.float32)
    return int(bottom - top), int(right - left)
