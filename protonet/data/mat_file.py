"""MatWrite: a net's blobs written to MATLAB's files, one a pass and blob."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protonet.data.pass_files import PassCounter, PassNames, put

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


class MatWriter(PassCounter):
    """The files PREFIX, then a name of the list ``source`` or iter_N, then _blob_K.mat.

    What PassNames refuses is a NetError here as well. Source: MatWriteLayer.
    """

    def __init__(self, prefix: str, source: str, strip: int, period: int) -> None:
        super().__init__()
        self._names = PassNames("MatWrite", prefix, source, strip, period)

    def add(self, *blobs: ArrayLike) -> None:
        """Write the blobs of one pass. NetError where the list has no more names."""
        name = self._names.of(self.count())
        for index, blob in enumerate(blobs if name is not None else ()):
            content = mat_bytes(_of_four_axes(np.asarray(blob, np.float32)))
            put(f"{name}_blob_{index}.mat", content)


def _of_four_axes(blob: NDArray[np.float32]) -> NDArray[np.float32]:
    shape: Sequence[int] = blob.shape
    return blob.reshape(tuple(shape) + (1,) * (4 - len(shape)))
