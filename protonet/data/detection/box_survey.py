"""What is in a database of images with boxes: counted by shape and class, and drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from protonet.data.databases import open_reader
from protonet.data.datum import is_annotated, pixels
from protonet.data.detection.boxes import Boxes
from protonet.data.detection.record import Annotated, parse_annotated
from protonet.data.extras import need
from protonet.data.mean_image import all_records, broken
from protonet.data.records import Reader, Record
from protonet.data.sheet import Pixels8, thumbnail, write_cells
from protonet.data.survey import kind_of
from protonet.diagnostics import NetError

_SIDE = 256
# Blue, green and red of the classes' boxes, one after the other.
_COLORS = (
    *((60, 60, 230), (60, 180, 60), (230, 120, 30), (30, 170, 240), (200, 60, 200)),
    *((180, 180, 30), (30, 100, 160), (150, 60, 90), (90, 200, 200), (130, 130, 130)),
)


@dataclass(frozen=True)
class FirstBoxes:
    """One of the first records: its key, its image, and its boxes."""

    key: str
    shape: str
    kind: str
    boxes: tuple[tuple[int, tuple[float, ...], bool], ...]


@dataclass
class BoxSurvey:
    """The records counted: images by shape, boxes by class, those difficult, and by image."""

    count: int = 0
    shapes: Counter[tuple[str, str]] = field(default_factory=Counter)
    labels: Counter[int] = field(default_factory=Counter)
    difficult: int = 0
    most: int = 0
    without: int = 0
    first: list[FirstBoxes] = field(default_factory=list)


def has_boxes(reader: Reader) -> bool:
    """Whether the first record of a database is one with boxes; the reader stays at it."""
    key = reader.key()
    (first,) = reader.take(1)
    reader.seek(key, first.number)
    return is_annotated(first.value)


def box_survey(records: Iterable[Record], path: Path, first: int) -> BoxSurvey:
    """Count all records, and look into the first few. NetError where one can't be taken."""
    found = BoxSurvey()
    for record in records:
        try:
            _count(found, record, first)
        except ValueError as error:
            raise broken(path, record, error) from None
    return found


def _count(found: BoxSurvey, record: Record, first: int) -> None:
    item = parse_annotated(record.value)
    datum, boxes, kind = item.datum, item.boxes, kind_of(item.datum)
    states = datum.channels * datum.height * datum.width
    if found.count < first or not states:
        shape = "x".join(str(n) for n in pixels(datum, None).shape)
    else:
        shape = f"{datum.channels}x{datum.height}x{datum.width}"
    if found.count < first:
        pairs = zip(boxes.labels.tolist(), boxes.corners.tolist(), boxes.difficult, strict=True)
        told = tuple((label, tuple(corners), bool(hard)) for label, corners, hard in pairs)
        found.first.append(FirstBoxes(record.shown_key, shape, kind, told))
    found.count += 1
    found.shapes[shape, kind] += 1
    found.labels.update(boxes.labels.tolist())
    found.difficult += int(boxes.difficult.sum())
    found.most = max(found.most, len(boxes))
    found.without += not len(boxes)


def draw_boxes(
    database: Path, backend: str, sheet: Path, count: int, names: Mapping[int, str]
) -> int:
    """Draw the first images with their boxes, up to ``count``, and tell how many there are.

    NetError where one of them can't be drawn.
    """
    reader = open_reader(database, backend)
    cells = []
    try:
        for record in islice(all_records(reader), count):
            try:
                item = parse_annotated(record.value)
                cells.append((marked(item, names), _caption(item)))
            except ValueError as error:
                raise broken(database, record, error) from None
    finally:
        reader.close()
    if not cells:
        raise NetError(f"{database} has no image to draw")
    write_cells(sheet, cells, _SIDE)
    return len(cells)


def _caption(item: Annotated) -> str:
    number = len(item.boxes)
    return "1 box" if number == 1 else f"{number} boxes"


def marked(item: Annotated, names: Mapping[int, str]) -> Pixels8:
    """The image of a record as large as a cell, with its boxes."""
    image = np.ascontiguousarray(thumbnail(pixels(item.datum, None), _SIDE))
    draw_on(image, item.boxes, names)
    return image


def draw_on(image: Pixels8, boxes: Boxes, names: Mapping[int, str]) -> None:
    """Draw boxes on an image (height, width, 3); those difficult are thin."""
    cv2 = need("cv2", "a contact sheet")
    height, width = image.shape[:2]
    for label, corners, hard in zip(boxes.labels, boxes.corners, boxes.difficult, strict=True):
        color = _COLORS[int(label) % len(_COLORS)]
        places = np.clip(corners, -1, 2) * np.array([width, height] * 2)
        left, top, right, bottom = (int(place) for place in np.rint(places))
        cv2.rectangle(image, (left, top), (right - 1, bottom - 1), color, 1 if hard else 2)
        text = names.get(int(label), str(label))
        at = (max(left, 0) + 2, max(top, 0) + 11)
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.38, color, 1, cv2.LINE_AA)
