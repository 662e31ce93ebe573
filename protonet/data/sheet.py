"""A contact sheet: the first images of a database on one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protonet.data.databases import open_reader
from protonet.data.datum import Datum, parse_datum, pixels
from protonet.data.extras import need
from protonet.data.image_decode import Image, encode
from protonet.data.mean_image import all_records
from protonet.diagnostics import NetError
from protonet.files import write_whole

Pixels8 = NDArray[np.uint8]
_CELL, _GAP, _CAPTION = 96, 6, 16
_PAPER, _INK = 255, (40, 40, 40)


def draw_first(database: Path, backend: str, sheet: Path, count: int) -> int:
    """Draw the first images of a database, up to ``count`` of them, and tell how many there are.

    NetError where one of them can't be drawn.
    """
    reader = open_reader(database, backend)
    try:
        values = [record.value for record in islice(all_records(reader), count)]
        write_sheet(sheet, [parse_datum(value) for value in values])
    except ValueError as error:
        raise NetError(f"{database} has an image that can't be drawn: {error}") from None
    finally:
        reader.close()
    return len(values)


def write_sheet(path: Path, datums: Sequence[Datum]) -> None:
    """Draw images with their labels below, in rows, and write them as the file's kind of image.

    ValueError where an image can't be decoded; NetError where the kind is unknown.
    """
    cells = []
    for datum in datums:
        caption = "" if datum.label is None else str(datum.label)
        cells.append((thumbnail(pixels(datum, None), _CELL), caption))
    write_cells(path, cells, _CELL)


def write_cells(path: Path, cells: Sequence[tuple[Pixels8, str]], side: int) -> None:
    """Put images no larger than ``side`` into rows, with captions, and write the picture."""
    cv2 = need("cv2", "a contact sheet")
    columns = math.ceil(math.sqrt(len(cells) * 1.4))
    rows = math.ceil(len(cells) / columns)
    high, wide = side + _CAPTION + _GAP, side + _GAP
    paper = np.full((rows * high + _GAP, columns * wide + _GAP, 3), _PAPER, np.uint8)
    for number, (cell, caption) in enumerate(cells):
        top, left = number // columns * high + _GAP, number % columns * wide + _GAP
        y, x = top + (side - cell.shape[0]) // 2, left + (side - cell.shape[1]) // 2
        paper[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
        at = (left, top + side + _CAPTION - 4)
        cv2.putText(paper, caption, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    try:
        data = encode(paper, path.suffix)
    except ValueError:
        what = f"{path} has no kind of image that can be written"
        raise NetError(what, None, "call it .png") from None
    write_whole(path, data)


def thumbnail(image: Image, side: int) -> Pixels8:
    """An image of any channels as one of 8 bits and colour, as large as fits into a square."""
    cv2 = need("cv2", "a contact sheet")
    if image.dtype != np.uint8:
        low, high = float(image.min()), float(image.max())
        image = ((image - low) * (255 / ((high - low) or 1))).astype(np.uint8)
    shown = image[:3] if image.shape[0] >= 3 else np.repeat(image[:1], 3, 0)
    shown = np.ascontiguousarray(shown.transpose(1, 2, 0))
    scale = side / max(shown.shape[:2])
    size = tuple(max(1, round(n * scale)) for n in shown.shape[1::-1])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    drawn: Pixels8 = cv2.resize(shown, size, interpolation=way)
    return drawn
