"""Window files: images, and in each the windows with their class and overlap."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protonet.diagnostics import NetError
from protonet.reading import reading

_LABEL, _OVERLAP, _X1, _Y1, _X2, _Y2 = range(6)
_MOST_WINDOWS, _LARGEST = 1 << 31, 1 << 31
_Numbers = NDArray[np.float64]


class Window(NamedTuple):
    """One window: its image, its number there, its class, and its corners, both inside it."""

    image: int
    number: int
    label: int
    x1: int
    y1: int
    x2: int
    y2: int


class Windows:
    """Many windows, a row each."""

    def __init__(self, rows: NDArray[np.int64]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Window:
        return Window(*self._rows[index].tolist())


@dataclass(frozen=True)
class WindowFile:
    """The images by their index, and the windows of objects and of background."""

    images: dict[int, str]
    objects: Windows
    background: Windows


def read_windows(path: Path, object_from: float, background_below: float) -> WindowFile:
    """Read a window file, and sort its windows by their overlap with an object.

    Each image has ``# index``, path, channels, height, width and number of windows; each window
    class, overlap, x1, y1, x2, y2. NetError where the file is not so. Source:
    WindowDataLayer::DataLayerSetUp.
    """
    images: dict[int, str] = {}
    objects: list[NDArray[np.int64]] = []
    background: list[NDArray[np.int64]] = []
    with reading(path), path.open(encoding="utf-8", errors="surrogateescape") as file:
        words = chain.from_iterable(line.split() for line in file)
        for mark in words:
            index = _header(words, mark, images, path)
            rows = _rows(words, images[index], path)
            numbered = _numbered(index, rows)
            is_object = rows[:, _OVERLAP].astype(np.float32) >= np.float32(object_from)
            is_other = rows[:, _OVERLAP].astype(np.float32) < np.float32(background_below)
            _check_classes(numbered[is_object], images[index], path)
            objects.append(numbered[is_object])
            rest = numbered[is_other & ~is_object]
            rest[:, 2] = 0
            background.append(rest)
    if not images:
        raise NetError(f"the window file {os.fspath(path)} is empty")
    return WindowFile(images, Windows(np.concatenate(objects)), Windows(np.concatenate(background)))


def _header(words: Iterator[str], mark: str, images: dict[int, str], path: Path) -> int:
    """Read an image's index and path."""
    given = [mark, *islice(words, 2)]
    if len(given) < 3 or mark != "#" or not re.fullmatch("[0-9]{1,9}", given[1]):
        what = f"image {len(images)} of {os.fspath(path)} begins with {' '.join(given)!r}"
        raise NetError(what, None, "it takes `# index`, then the image's path")
    images[int(given[1])] = given[2]
    return int(given[1])


def _rows(words: Iterator[str], image: str, path: Path) -> _Numbers:
    """Read an image's sizes and its windows, (n, 6)."""
    sizes = _numbers(list(islice(words, 4)), 4, image, path)
    if not 0 <= sizes[3] <= _MOST_WINDOWS:
        raise NetError(f"{image!r} in {os.fspath(path)} has {sizes[3]:g} windows")
    count = int(sizes[3])
    rows = _numbers(list(islice(words, 6 * count)), 6 * count, image, path).reshape(count, 6)
    whole = np.delete(rows, _OVERLAP, axis=1)
    if (whole != np.floor(whole)).any():
        raise NetError(f"a window of {image!r} in {os.fspath(path)} has a corner between pixels")
    return rows


def _numbers(given: list[str], wanted: int, image: str, path: Path) -> _Numbers:
    with reading(path, f"has windows of {image!r} that are no numbers", None):
        numbers = np.array(given, dtype=np.float64)
    if len(numbers) != wanted:
        raise NetError(f"{os.fspath(path)} ends within the windows of {image!r}")
    if not (np.abs(numbers) < _LARGEST).all():
        raise NetError(f"the windows of {image!r} in {os.fspath(path)} have a number out of range")
    return numbers


def _numbered(image: int, rows: _Numbers) -> NDArray[np.int64]:
    kept = np.empty((len(rows), 7), np.int64)
    kept[:, 0], kept[:, 1] = image, np.arange(len(rows))
    kept[:, 2:] = rows[:, [_LABEL, _X1, _Y1, _X2, _Y2]]
    return kept


def _check_classes(objects: NDArray[np.int64], image: str, path: Path) -> None:
    wrong = objects[objects[:, 2] < 1]
    if len(wrong):
        what = f"window {wrong[0][1]} of {image!r} in {os.fspath(path)} has the overlap of an "
        raise NetError(f"{what}object and the class {wrong[0][2]}", None, "classes begin at 1")
