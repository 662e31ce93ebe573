"""A sheet of a batch: each item's image or frames in a row, with its map of labels in colour."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.data.detection.box_survey import draw_on
from protonet.data.detection.boxes import Boxes
from protonet.data.extras import need
from protonet.data.feed import MarkedTops
from protonet.data.image_decode import Image, encode
from protonet.diagnostics import NetError
from protonet.files import write_whole

_CELL, _GAP, _PAPER = 112, 4, 255
_MOST_FRAMES = 16
_COLOUR, _BITS = 3, 8
_IMAGE, _VOLUME = 4, 5  # axes of a batch


def draw_batch(
    tops: Mapping[str, Array],
    sheet: Path,
    count: int,
    boxes: MarkedTops | None = None,
) -> int:
    """Draw the first items of a batch, up to ``count``, and tell how many they are.

    ``tops`` are arrays as data layers give them; the first of 4 or 5 axes has the images, others
    of as many axes and one channel are maps of labels. ``boxes`` are those of each image, by the
    top of the images, with the top that holds them. NetError where there are no images, or the
    sheet's name has no kind of image that can be written.
    """
    found = [array for array in tops.values() if array.ndim in (_IMAGE, _VOLUME)]
    if not found:
        shapes = ", ".join(f"{top} {'x'.join(map(str, a.shape))}" for top, a in tops.items())
        raise NetError(f"the batch has no images to draw: {shapes}")
    data = found[0]
    known = boxes or {}
    held, of_item = next((known[top] for top in known if tops[top] is data), ("", []))
    maps = [
        other
        for other in found[1:]
        if other.shape[1] == 1 and other.ndim == data.ndim and other is not tops.get(held)
    ]
    rows = []
    for item in range(min(count, len(data))):
        own = of_item[item] if of_item else None
        row = [_cell(picture, own) for picture in _frames(data[item])]
        for labels in maps:
            row += [_cell(picture) for picture in _coloured(labels[item, 0])]
        rows.append(row)
    try:
        written = encode(_arranged(rows), sheet.suffix)
    except ValueError:
        what = f"{sheet} has no kind of image that can be written"
        raise NetError(what, None, "call it .png") from None
    write_whole(sheet, written)
    return len(rows)


def _frames(item: Array) -> list[Image]:
    """The frames of (c, h, w) or (c, l, h, w) values, brought to 0 to 255 together."""
    low, high = float(item.min()), float(item.max())
    values = ((item - low) * (255 / ((high - low) or 1))).astype(np.uint8)
    if values.ndim == _VOLUME - 1:
        frames = list(values.swapaxes(0, 1))
    elif len(values) % _COLOUR == 0:
        frames = list(values.reshape(-1, _COLOUR, *values.shape[1:]))
    else:
        frames = list(values[:, None])
    return [_picture(frame) for frame in frames[:_MOST_FRAMES]]


def _picture(planes: Array) -> Image:
    """Planes as (h, w, 3)."""
    shown = planes if len(planes) == _COLOUR else np.repeat(planes[:1], _COLOUR, 0)
    return np.ascontiguousarray(shown.transpose(1, 2, 0))


def _coloured(labels: Array) -> list[Image]:
    """Labels (h, w) or (l, h, w) in the colours that PASCAL VOC gives them."""
    planes = labels[None] if labels.ndim == 2 else labels
    colours = label_colours()
    return [colours[plane.astype(np.int64) % len(colours)] for plane in planes[:_MOST_FRAMES]]


def label_colours() -> Image:
    """256 colours (256, 3), BGR: a label's bits, three at a time, from the highest of each down."""
    colours = np.zeros((256, _COLOUR), np.uint8)
    labels = np.arange(256)
    for bit in range(_BITS):
        for channel in range(_COLOUR):  # red takes the lowest
            part = (labels >> (_COLOUR * bit + channel)) & 1
            colours[:, _COLOUR - 1 - channel] |= (part << (_BITS - 1 - bit)).astype(np.uint8)
    return colours


def _cell(picture: Image, boxes: Boxes | None = None) -> Image:
    """A picture no larger than a cell, in its middle, with its boxes."""
    cv2: Any = need("cv2", "a sheet of a batch")
    scale = _CELL / max(picture.shape[:2])
    size = tuple(max(1, round(n * scale)) for n in picture.shape[1::-1])
    drawn = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)
    if boxes is not None:
        draw_on(drawn, boxes, {})
    cell = np.full((_CELL, _CELL, _COLOUR), _PAPER, np.uint8)
    top, left = (_CELL - drawn.shape[0]) // 2, (_CELL - drawn.shape[1]) // 2
    cell[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return cell


def _arranged(rows: list[list[Image]]) -> Image:
    """Cells in their rows, a gap between them."""
    step = _CELL + _GAP
    size = len(rows) * step + _GAP, max(map(len, rows)) * step + _GAP, _COLOUR
    paper = np.full(size, _PAPER, np.uint8)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            top, left = y * step + _GAP, x * step + _GAP
            paper[top : top + _CELL, left : left + _CELL] = cell
    return paper
