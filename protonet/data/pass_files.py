"""Files that a net writes pass by pass: their names, and what writes them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from numpy.typing import ArrayLike

from protonet.diagnostics import NetError
from protonet.files import write_whole
from protonet.reading import reading


class PassWriter(Protocol):
    """What writes the blobs that a layer reads, one pass after the other."""

    def add(self, *blobs: ArrayLike) -> None:
        """Take up the blobs of one pass."""

    def close(self) -> None:
        """Finish what is written."""

    def discard(self) -> None:
        """Leave out what is not finished."""


class PassCounter:
    """How many passes there were: the part of a PassWriter whose files are whole at once."""

    def __init__(self) -> None:
        self._passed = 0

    def count(self) -> int:
        """The number of the pass that begins, from 0."""
        number, self._passed = self._passed, self._passed + 1
        return number

    def close(self) -> None:
        """Nothing is left to write."""

    def discard(self) -> None:
        """What is written stays."""


class PassNames:
    """The names PREFIX and a name of the list ``source``, or iter_N, a pass after the other.

    ``strip`` letters at a name's end are left out; every ``period``-th pass has a name, from the
    first on. NetError where the list can't be read, or a name is shorter; ``kind`` is the layer's
    type. Source: MatWriteLayer of DeepLab's Caffe fork.
    """

    def __init__(self, kind: str, prefix: str, source: str, strip: int, period: int) -> None:
        self._kind, self._prefix, self._period = kind, prefix, period
        self._names: list[str] | None = None
        if not source:
            return
        with reading(source):
            lines = Path(source).read_text(encoding="utf-8", errors="surrogateescape").split("\n")
        words = [line.split()[0] for line in lines if line.strip()]
        for word in words:
            if len(word) <= strip:
                raise NetError(f"{source} has the name {word!r}, and strip takes {strip} letters")
        self._names = [word[: len(word) - strip] for word in words]

    def of(self, number: int) -> str | None:
        """The name of a pass; None where none is written. NetError where there are no more."""
        if number % self._period:
            return None
        if self._names is None:
            return f"{self._prefix}iter_{number}"
        if number >= len(self._names):
            what = f"{self._kind} has {len(self._names)} names, and this is pass {number + 1}"
            raise NetError(what, None, "test_iter is how many passes a test has")
        return self._prefix + self._names[number]


def put(path: str, content: bytes) -> None:
    """Write a file, whole, and the folders that it lies in."""
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    write_whole(path, content)
