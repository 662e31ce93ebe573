"""Plain text: a file beside each image with a box a line, as SSD's tool and as darknet take it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from protonet.data.detection.marked import Corners, MarkedBox, MarkedImage, boxed, number
from protonet.reading import reading

_SSD = ("label", "xmin", "ymin", "xmax", "ymax")
_DARKNET = ("class", "x", "y", "width", "height")


def text_image(
    name: str, path: Path, darknet: bool = False, names: Sequence[str] = ()
) -> MarkedImage:
    """The boxes of one text, ``LABEL XMIN YMIN XMAX YMAX`` a line, in pixels.

    Of ``darknet`` it is ``CLASS X Y WIDTH HEIGHT`` in parts of the image, the class from 0, X and Y
    the centre; ``names`` are its classes. NetError where the file can't be read.
    Source: ReadTxtToAnnotatedDatum, which stops at a line that it can't read.
    """
    with reading(path, "can't be read", None):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    found, wrong = [], []
    for at, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            box = _darknet(line.split(), names) if darknet else _ssd(line.split())
            found.append((f"line {at}", box))
        except ValueError as error:
            wrong.append(f"{path}: line {at} {error}")
    made = boxed(name, os.fspath(path), found, darknet)
    return replace(made, wrong=(*wrong, *made.wrong))


def _ssd(words: Sequence[str]) -> MarkedBox:
    label, left, top, right, bottom = _numbers(words, _SSD)
    if label < 1:
        raise ValueError(f"has the label {label:g}: they count from 1, and 0 is the background")
    return MarkedBox(str(int(label)), (left, top, right, bottom))


def _darknet(words: Sequence[str], names: Sequence[str]) -> MarkedBox:
    place, x, y, width, height = _numbers(words, _DARKNET)
    if place < 0 or (names and place >= len(names)):
        raise ValueError(f"has the class {place:g}, and there are {len(names)}")
    name = names[int(place)] if names else str(int(place) + 1)
    corners: Corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return MarkedBox(name, corners)


def _numbers(words: Sequence[str], form: Sequence[str]) -> list[float]:
    """The numbers of a line, the first of them whole."""
    if len(words) != len(form):
        raise ValueError(f"has {len(words)} words, not {' '.join(form)}")
    if not words[0].lstrip("+-").isdecimal() or len(words[0]) > 9:
        raise ValueError(f"has the {form[0]} {words[0][:40]!r}, no whole number")
    return [number(word, what) for word, what in zip(words, form, strict=True)]
