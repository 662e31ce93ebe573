"""MNIST's and CIFAR's own files as records, as Caffe's converters write them."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protonet.data.datum import datum_of
from protonet.data.writing import KeyedRecord
from protonet.diagnostics import NetError

_IMAGES, _LABELS = 2051, 2049
_GZIP = b"\x1f\x8b"
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
    data = _content(path)
    kind = "images" if magic == _IMAGES else "labels"
    given = int.from_bytes(data[:4], "big")
    if given != magic:
        what = f"{os.fspath(path)} is no IDX file of {kind}: it begins with {given}, not {magic}"
        raise NetError(what, None, "images come first, then labels")
    header = 4 + 4 * axes
    sizes = [int.from_bytes(data[i : i + 4], "big") for i in range(4, header, 4)]
    wanted = header + int(np.prod(sizes))
    if len(data) != wanted:
        what = f"{os.fspath(path)} has {len(data)} bytes; {sizes[0]} {kind} take {wanted}"
        raise NetError(what, None, "it is not whole: get it again")
    return np.frombuffer(data, np.uint8, offset=header).reshape(sizes)


def _content(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP) else data
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NetError(f"{os.fspath(path)} can't be read: {reason.lower()}") from None


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
    data = np.frombuffer(_content(path), np.uint8)
    if not data.size or data.size % _CIFAR_RECORD or data[::_CIFAR_RECORD].max() > 9:
        what = f"{os.fspath(path)} is no batch of CIFAR-10's binary version"
        hint = f"such a file holds {_CIFAR_RECORD} bytes an image, the first its class, 0 to 9"
        raise NetError(what, None, hint)
    return data.reshape(-1, _CIFAR_RECORD)
