"""Lists of image files with several labels each, as many on every line."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import NamedTuple

from protonet.diagnostics import NetError, Source, Span
from protonet.reading import reading

_SHORTEST = 3
_LARGEST = 3.4e38  # in single precision


class LabelledImage(NamedTuple):
    """A file's name, its labels, and the number of its line from 1."""

    name: str
    label: tuple[float, ...]
    line: int


def read_labels(path: Path) -> list[LabelledImage]:
    """The entries of a list; empty lines are passed over.

    NetError at a line with a name shorter than 3 characters, at which the fork ends its list, with
    a label that is no number, or with more or fewer labels than the first.
    Source: MultiLabelImageDataLayer::DataLayerSetUp of happynear's fork.
    """
    with reading(path):
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    found: list[LabelledImage] = []
    for number, line in enumerate(text.split("\n"), 1):
        name, *words = line.split() or [""]
        if not name:
            continue
        labels = tuple(map(_number, words))
        first = found[0].label if found else labels
        if len(name) < _SHORTEST:
            raise _wrong(path, text, number, f"the name {name!r} is shorter than {_SHORTEST}")
        if not labels or any(math.isnan(label) for label in labels):
            raise _wrong(path, text, number, "the line has no numbers behind its file")
        if len(labels) != len(first):
            what = f"the line has {len(labels)} labels, and the first {len(first)}"
            raise _wrong(path, text, number, what)
        found.append(LabelledImage(name, labels, number))
    if not found:
        what = f"the list {os.fspath(path)} is empty"
        raise NetError(what, None, "it takes `FILE LABEL LABEL ...` a line")
    return found


def _number(word: str) -> float:
    """A label; NaN where it is none."""
    try:
        return float(word) if abs(float(word)) < _LARGEST else math.nan
    except ValueError:
        return math.nan


def _wrong(path: Path, text: str, number: int, what: str) -> NetError:
    source = Source(os.fspath(path), text.encode("utf-8", "replace").decode())
    start = sum(len(line) + 1 for line in source.text.split("\n")[: number - 1])
    span = Span(source, start, start + len(source.line(number)))
    return NetError(what, span, "write `FILE LABEL LABEL ...`, as many labels on every line")
