"""MNIST's and CIFAR's own files as records, as Caffe's converters write them."""

from __future__ import annotations

import gzip
import math
import os
import sys
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protonet.data.datum import datum_of
from protonet.data.writing import KeyedRecord
from protonet.diagnostics import NetError
from protonet.reading import reading

_IMAGES, _LABELS = 2051, 2049
_GZIP = b"\x1f\x8b"
_PIECE = 1 << 20
_CIFAR_RECORD = 1 + 3 * 32 * 32
_Bytes = NDArray[np.uint8]


def mnist_records(images: Path, labels: Path) -> tuple[int, Iterator[KeyedRecord]]:
    """The number of digits in a pair of IDX files, gzipped or not, and their records.

    A record is a raw 1x28x28 Datum under an eight-digit key. NetError where the files are not
    whole or don't belong together. Source: convert_mnist_data.
    """
    pictures, classes = _idx(images, _IMAGES, 3), _idx(labels, _LABELS, 1)
    if len(pictures) != len(classes):
        what = f"{os.fspath(images)} has {len(pictures)} images, and {os.fspath(labels)} "
        raise NetError(f"{what}has {len(classes)} labels", None, "do they belong together?")
    pairs = zip(pictures, classes.tolist(), strict=True)
    records = (
        (b"%08d" % number, datum_of(picture[None], label).SerializeToString())
        for number, (picture, label) in enumerate(pairs)
    )
    return len(pictures), records


def _idx(path: Path, magic: int, axes: int) -> _Bytes:
    """The array of an IDX file: a magic number, the sizes, and bytes."""
    kind, header = "images" if magic == _IMAGES else "labels", 4 + 4 * axes
    with reading(path, "is no whole gzip file"), _opened(path) as file:
        head = file.read(header)
        numbers = [int.from_bytes(head[i : i + 4], "big") for i in range(0, header, 4)]
        given, sizes = numbers[0], numbers[1:]
        if given != magic or len(head) < header:
            what = f"{os.fspath(path)} is no IDX file of {kind}: "
            what += f"it begins with {given}, not {magic}"
            raise NetError(what, None, "images come first, then labels")
        wanted = math.prod(sizes)
        data = _read(file, wanted + 1)
        if len(data) != wanted:
            more = " or more" if len(data) > wanted else ""
            what = f"{os.fspath(path)} has {header + len(data)} bytes{more}; "
            what += f"{sizes[0]} {kind} take {header + wanted}"
            raise NetError(what, None, "it is not whole: get it again")
        return np.frombuffer(data, np.uint8).reshape(sizes)


def _opened(path: Path) -> BufferedIOBase:
    """A file to read, unpacked on the way where it is gzipped."""
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP
    return gzip.open(path, "rb") if is_packed else path.open("rb")


def _read(file: BufferedIOBase, most: int) -> bytes:
    """What a file has, in pieces up to so many bytes: memory for no more than there is."""
    data = bytearray()
    while len(data) < most and (piece := file.read(min(_PIECE, most - len(data)))):
        data += piece
    return bytes(data)


def cifar_records(files: Sequence[Path], pad: int = 0) -> tuple[int, Iterator[KeyedRecord]]:
    """The number of images in CIFAR-10's binary batches, and their records in order.

    A record is a raw 3x32x32 Datum, red plane first, under a five-digit key; ``pad`` frames it
    with as many black pixels on each side. NetError where a file is not whole. Source:
    convert_cifar_data.
    """
    batches = [_cifar(path) for path in files]
    rows = np.concatenate(batches)
    frame = ((0, 0), (pad, pad), (pad, pad))
    records = (
        (b"%05d" % number, datum_of(np.pad(image, frame), int(label)).SerializeToString())
        for number, (label, image) in enumerate(
            zip(rows[:, 0], rows[:, 1:].reshape(-1, 3, 32, 32), strict=True)
        )
    )
    return len(rows), records


def _cifar(path: Path) -> _Bytes:
    with reading(path, "is no whole gzip file"), _opened(path) as file:
        data = np.frombuffer(_read(file, sys.maxsize), np.uint8)
    if not data.size or data.size % _CIFAR_RECORD or data[::_CIFAR_RECORD].max() > 9:
        what = f"{os.fspath(path)} is no batch of CIFAR-10's binary version"
        hint = f"such a file holds {_CIFAR_RECORD} bytes an image, the first its class, 0 to 9"
        raise NetError(what, None, hint)
    return data.reshape(-1, _CIFAR_RECORD)
