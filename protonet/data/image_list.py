"""Lists of image files with their labels, one a line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple, Protocol

from protonet.diagnostics import NetError, Source, Span
from protonet.reading import reading

_LARGEST = 1 << 31

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_SEVERAL = re.compile(r"\s[-+]?[\d.]+$")
_REAL = "an image list has one whole number a line; HDF5Data takes several labels and real ones"


class ListEntry(Protocol):
    """An image in a list: the file's name, its label or several, and the number of its line."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> int | tuple[float, ...]: ...
    @property
    def line(self) -> int: ...


class ListedImage(NamedTuple):
    """A file's name, its label, and the number of its line from 1; 0 where no list has it."""

    name: str
    label: int
    line: int


def read_list(path: Path) -> list[ListedImage]:
    """The entries of a list; names may have spaces in them, and empty lines are passed over.

    NetError at the line that has no whole number as its label, or where there is none.
    Source: ImageDataLayer::DataLayerSetUp, which takes such a label as 0.
    """
    with reading(path):
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    entries = []
    for number, line in enumerate(text.split("\n"), 1):
        name, _, label = line.strip().replace("\t", " ").rpartition(" ")
        if not label:
            continue
        whole = int(label) if re.fullmatch(r"[-+]?[0-9]{1,10}", label) else _LARGEST
        if not name.strip() or abs(whole) >= _LARGEST:
            raise _no_label(path, text, number)
        entries.append(ListedImage(name.strip(), whole, number))
    if not entries:
        raise NetError(f"the list {os.fspath(path)} is empty", None, "it takes `FILE LABEL` a line")
    return entries


def _no_label(path: Path, text: str, number: int) -> NetError:
    source = Source(os.fspath(path), text.encode("utf-8", "replace").decode())
    start = sum(len(line) + 1 for line in source.text.split("\n")[: number - 1])
    span = Span(source, start, start + len(source.line(number)))
    label = source.line(number).split()[-1]
    if _NUMBER.fullmatch(label):
        what = f"the label {label} is no whole number, and an image list takes no other"
        return NetError(what, span, _REAL)
    return NetError("the line has no whole number as its label", span, "write `FILE LABEL`")


def missing_hint(name: str) -> str | None:
    """What may be wrong with a name in a list that names no file."""
    if _SEVERAL.search(name):
        return f"the line has several numbers behind its file, {_REAL}"
    if "\\" in name:
        return "the name has backslashes: write / between folders"
    return None
