"""Window files of MS-CNN and Cascade R-CNN: images, their true boxes, regions that do not count."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from protonet.arrays import Floats
from protonet.diagnostics import NetError
from protonet.reading import reading

_MOST, _LARGEST = 1 << 24, 1 << 24


@dataclass(frozen=True, eq=False)
class Truth:
    """An image's path, height and width, and what is in it.

    ``boxes`` are (n, 4) of x1, y1, x2, y2, ``labels`` (n,), ``ignored`` (n,) not 0 where a box does
    not count, ``difficult`` (n,); ``outside`` (m, 4) are regions where nothing counts.
    """

    path: str
    height: int
    width: int
    boxes: Floats
    labels: Floats
    ignored: Floats
    outside: Floats
    difficult: Floats


def read_truth(path: Path, cascade: bool = False) -> list[Truth]:
    """Read a window file of MS-CNN's form, or of Cascade R-CNN's.

    Each image has ``# index``, path, channels, height, width, number of boxes, for each label,
    ignored, x1, y1, x2, y2, then the number of regions that do not count, for each x1, y1, x2, y2.
    Cascade R-CNN's have, behind ignored, whether a box is difficult, and go by the index, which is
    the image's place. NetError where the file is not so.
    Source: DataLayerSetUp of mscnn's ImageGtDataLayer and of cascade-rcnn's EvalDataLayer.
    """
    found: list[Truth] = []
    with reading(path), path.open(encoding="utf-8", errors="surrogateescape") as file:
        words = chain.from_iterable(line.split() for line in file)
        for mark in words:
            found.append(_image(words, mark, len(found), path, cascade))
    if not found:
        raise NetError(f"the window file {os.fspath(path)} is empty")
    return found


def refuse_size(truth: Truth, shape: tuple[int, ...]) -> None:
    """ValueError where an image has another height and width than its file says."""
    if shape[:2] != (truth.height, truth.width):
        said = f"{truth.height}x{truth.width}"
        raise ValueError(f"it is {shape[0]}x{shape[1]}, the file says {said}")


def _image(words: Iterator[str], mark: str, number: int, path: Path, cascade: bool) -> Truth:
    given = [mark, *islice(words, 2)]
    if len(given) < 3 or mark != "#" or not re.fullmatch("[0-9]{1,9}", given[1]):
        what = f"image {number} of {os.fspath(path)} begins with {' '.join(given)!r}"
        raise NetError(what, None, "it takes `# index`, then the image's path")
    name = given[2]
    if cascade and int(given[1]) != number:
        what = f"image {number} of {os.fspath(path)} has the index {given[1]}"
        raise NetError(what, None, "the index is the image's place, from 0")
    channels, height, width = _rows(words, 1, 3, name, path)[0]
    if channels != 3 or min(height, width) < 1:
        what = f"{name!r} in {os.fspath(path)} has {channels:g} channels of {height:g}x{width:g}"
        raise NetError(what, None, "images have 3 channels, then height and width")
    rows = _rows(words, _count(words, name, path), 6 + cascade, name, path)
    wrong = rows[rows[:, 0] < 1]
    if len(wrong):
        what = f"a box of {name!r} in {os.fspath(path)} has the label {wrong[0][0]:g}"
        raise NetError(what, None, "labels begin at 1")
    outside = _rows(words, _count(words, name, path), 4, name, path)
    boxes, labels, ignored = rows[:, -4:], rows[:, 0], rows[:, 1]
    difficult = rows[:, 2] if cascade else np.zeros_like(labels)
    return Truth(name, int(height), int(width), boxes, labels, ignored, outside, difficult)


def _count(words: Iterator[str], name: str, path: Path) -> int:
    return int(_rows(words, 1, 1, name, path, least=0)[0, 0])


def _rows(
    words: Iterator[str], count: int, wide: int, name: str, path: Path, least: int = -_LARGEST
) -> Floats:
    """So many rows of whole numbers."""
    given = list(islice(words, count * wide))
    with reading(path, f"has boxes of {name!r} that are no whole numbers", None):
        numbers = np.array([int(word) for word in given], dtype=np.float64)
    if len(numbers) != count * wide:
        raise NetError(f"{os.fspath(path)} ends within the boxes of {name!r}")
    if not ((numbers >= least) & (numbers < _MOST)).all():
        raise NetError(f"the boxes of {name!r} in {os.fspath(path)} have a number out of range")
    return numbers.astype(np.float32).reshape(count, wide)
