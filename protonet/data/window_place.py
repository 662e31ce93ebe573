"""Where a window lies in its image, with its context, and in the item that it becomes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from protonet.data.window_file import Window


@dataclass(frozen=True)
class WindowPlace:
    """The part of the image, corners included, the size it is warped to, and the margins left."""

    left: int
    top: int
    right: int
    bottom: int
    width: int
    height: int
    pad_left: int = 0
    pad_top: int = 0


class _Span(NamedTuple):
    """One axis: first and last pixel inside the image, then the warped length and its margins."""

    first: int
    last: int
    length: int
    before: int
    after: int


def place(
    window: Window, size: tuple[int, ...], crop: int, context: int, square: bool, mirror: bool
) -> WindowPlace:
    """Where a window of an image of ``size`` (height, width) goes in an item of ``crop``.

    With ``context`` or ``square`` the window is widened, and what of it lies outside the image
    stays empty. ValueError where nothing of it lies inside. Source: WindowDataLayer::load_batch,
    in its single precision.
    """
    if not context and not square:
        found = WindowPlace(window.x1, window.y1, window.x2, window.y2, crop, crop)
        _check(found, size)
        return found
    half = [np.float32(window.x2 - window.x1 + 1) / 2, np.float32(window.y2 - window.y1 + 1) / 2]
    center = np.float32(window.x1) + half[0], np.float32(window.y1) + half[1]
    if square:
        half = [max(half), max(half)]
    scale = np.float32(crop) / np.float32(crop - 2 * context)
    across = _span(center[0], half[0] * scale, size[1], crop)
    down = _span(center[1], half[1] * scale, size[0], crop)
    pad = across.after if mirror else across.before
    width, height = min(across.length, crop - pad), min(down.length, crop - down.before)
    inside = across.first, down.first, across.last, down.last
    found = WindowPlace(*inside, width, height, pad, down.before)
    _check(found, size)
    return found


def _span(center: np.float32, reach: np.float32, length: int, crop: int) -> _Span:
    first, last = _round(center - reach), _round(center + reach)
    scale = np.float32(crop) / np.float32(last - first + 1)
    before, after = max(0, -first), max(0, last - length + 1)
    first, last = first + before, last - after
    warped = _round(np.float32(last - first + 1) * scale)
    return _Span(first, last, warped, _round(before * scale), _round(after * scale))


def _round(value: np.float32) -> int:
    """To the nearest whole number, halves away from zero, as C does."""
    whole = math.floor(abs(float(value)) + 0.5)
    return whole if value >= 0 else -whole


def _check(found: WindowPlace, size: tuple[int, ...]) -> None:
    inside = 0 <= found.left <= found.right < size[1] and 0 <= found.top <= found.bottom < size[0]
    if not inside or min(found.width, found.height) < 1:
        corners = f"({found.left}, {found.top}) to ({found.right}, {found.bottom})"
        raise ValueError(f"its corners {corners} do not lie in an image of {size[1]}x{size[0]}")
