"""MatWrite: a net's blobs written to MATLAB's files, one a pass and blob."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protonet.diagnostics import NetError
from protonet.files import write_whole
from protonet.reading import reading

_ALIGNED = 8
_INT8, _INT32, _UINT32, _SINGLE, _MATRIX = 1, 5, 6, 7, 14  # data types of the format
_SINGLE_CLASS = 7
_NAME = b"data"


def mat_bytes(blob: NDArray[np.float32]) -> bytes:
    """A file of MATLAB's version 5 with the array ``data``, its axes the other way round.

    Source: Blob::ToMat of DeepLab's Caffe fork; the format's own document.
    """
    sizes = np.array(blob.shape[::-1], "<i4")
    parts = [
        _element(_UINT32, np.array([_SINGLE_CLASS, 0], "<u4").tobytes()),
        _element(_INT32, sizes.tobytes()),
        _element(_INT8, _NAME),
        _element(_SINGLE, np.ascontiguousarray(blob, "<f4").tobytes()),
    ]
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    return header + _element(_MATRIX, b"".join(parts))


def _element(kind: int, data: bytes) -> bytes:
    padded = data + bytes(-len(data) % _ALIGNED)
    size = len(padded) if kind == _MATRIX else len(data)
    return np.array([kind, size], "<u4").tobytes() + padded


class MatWriter:
    """The files PREFIX, then a name of the list ``source`` or iter_N, then _blob_K.mat.

    ``strip`` letters at a name's end are left out; every ``period``-th pass is written, from the
    first on. NetError where the list can't be read, or a name is shorter. Source: MatWriteLayer.
    """

    def __init__(self, prefix: str, source: str, strip: int, period: int) -> None:
        self._prefix, self._period, self._pass = prefix, period, 0
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

    def add(self, *blobs: ArrayLike) -> None:
        """Write the blobs of one pass. NetError where the list has no more names."""
        number, self._pass = self._pass, self._pass + 1
        if number % self._period:
            return
        for index, blob in enumerate(blobs):
            path = f"{self._prefix}{self._name(number)}_blob_{index}.mat"
            folder = os.path.dirname(path)
            if folder:
                os.makedirs(folder, exist_ok=True)
            write_whole(Path(path), mat_bytes(_of_four_axes(np.asarray(blob, np.float32))))

    def _name(self, number: int) -> str:
        if self._names is None:
            return f"iter_{number}"
        if number >= len(self._names):
            what = f"MatWrite has {len(self._names)} names, and this is pass {number + 1}"
            raise NetError(what, None, "test_iter is how many passes a test has")
        return self._names[number]

    def close(self) -> None:
        """Nothing is left to write."""

    def discard(self) -> None:
        """What is written stays."""


def _of_four_axes(blob: NDArray[np.float32]) -> NDArray[np.float32]:
    shape: Sequence[int] = blob.shape
    return blob.reshape(tuple(shape) + (1,) * (4 - len(shape)))
