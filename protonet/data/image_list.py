"""Lists of image files with their labels, one a line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from protonet.diagnostics import NetError, Source, Span
from protonet.reading import reading

_LARGEST = 1 << 31


class ListedImage(NamedTuple):
    """One line of a list: a file's name, its label, and the line's number from 1."""

    name: str
    label: int
    line: int


def read_list(path: Path) -> list[ListedImage]:
    """The entries of a list; names may have spaces in them, and empty lines are passed over.

    NetError at the line that has no whole number as its label, or where there is none.
    Source: ImageDataLayer::DataLayerSetUp, which takes such a label as 0.
    """
    with reading(path):
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
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
    return NetError("the line has no whole number as its label", span, "write `FILE LABEL`")
