"""Blobs between their files and numpy: the numbers of a BlobProto, read in place.

Source: Blob::FromProto and ToProto; NVIDIA's fork for half precision (raw_data); C3D's first
release for blobs of five axes, whose numbers stand one field further on.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import FileIO
from typing import Any, NamedTuple

import numpy as np

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.files import replacing
from protonet.reading import reading
from protonet.schema.pool import message_class
from protonet.schema.view import FileView
from protonet.schema.wire import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    Buffer,
    WireError,
    WireField,
    fields,
    header,
    signed,
    to_varint,
    varint,
)

_MOST_AXES = 32
_MOST_ELEMENTS = 2**31 - 1
_TOGETHER = 1 << 20
_LEGACY = (1, 2, 3, 4)
_DATA, _DIFF, _SHAPE, _DOUBLE_DATA, _DOUBLE_DIFF = 5, 6, 7, 8, 9
_RAW_DATA, _RAW_DIFF = 12, 13  # their types, two numbers before
_VOLUME = (1, 2, 3, 4, 5)  # num, channels, length, height, width
_VOLUME_DATA, _VOLUME_DIFF = 6, 7
_RAW_TYPES = {0: "<f8", 1: "<f4", 2: "<f2"}
_KINDS = {
    **dict.fromkeys(_LEGACY, (VARINT,)),
    **dict.fromkeys((_DATA, _DIFF), (BYTES, FIXED32)),
    **dict.fromkeys((_DOUBLE_DATA, _DOUBLE_DIFF), (BYTES, FIXED64)),
    _SHAPE: (BYTES,),
}


class Content:
    """The bytes of a file or a message: ``view`` to walk in, and numbers copied out of it."""

    def __init__(self, name: str, view: Buffer, handle: int | None = None) -> None:
        self.name, self.view, self._handle = name, view, handle

    def __del__(self) -> None:
        if self._handle is not None:
            os.close(self._handle)

    def check(self) -> None:
        """NetError where the file has become shorter, which ends who has mapped it."""
        if isinstance(self.view, FileView):
            self.view.check()

    def copy(self, start: int, target: Array) -> None:
        """Fill a flat array with the numbers at a byte of the file."""
        if isinstance(self.view, bytes):
            target[:] = np.frombuffer(self.view, target.dtype, len(target), start)
        elif len(target):
            self.view.fill(start, memoryview(target.data).cast("B"))

    def copy_spread(self, start: int, stride: int, target: Array) -> None:
        """The same for numbers that stand so many bytes apart."""
        for at in range(0, len(target), _TOGETHER):
            part = target[at : at + _TOGETHER]
            begin = start + at * stride
            held = self.view[begin : begin + (len(part) - 1) * stride + part.itemsize]
            part[:] = np.ndarray(len(part), part.dtype, held, 0, (stride,))


def open_content(path: str | os.PathLike[str]) -> Content:
    """A file, kept open, so that it stays this file if another takes its place.

    NetError where it can't be read.
    """
    name = os.fspath(path)
    with reading(name, "can't be read", None):
        handle = os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        content = Content(name, b"", handle)
        if not os.fstat(handle).st_size:  # a pipe has no size
            return Content(name, FileIO(handle, closefd=False).readall())
        content.view = FileView(name, handle)
        return content


class _Run(NamedTuple):
    """Numbers that stand in a row, ``stride`` bytes apart."""

    start: int
    length: int
    stride: int


@dataclass(frozen=True, eq=False)
class StoredBlob:
    """A blob in a file: its shape and type at once, its numbers when they are asked for."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    content: Content
    runs: tuple[_Run, ...]
    diff: StoredBlob | None = None

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def read(self) -> Array:
        """The numbers, in memory of their own."""
        flat, at = np.empty(self.size, self.dtype), 0
        for run in self.runs:
            target = flat[at : at + run.length]
            if run.stride == self.dtype.itemsize:
                self.content.copy(run.start, target)
            else:
                self.content.copy_spread(run.start, run.stride, target)
            at += run.length
        return flat.reshape(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.read() if dtype is None else self.read().astype(dtype, copy=False)


def stored_blob(content: Content, start: int = 0, stop: int | None = None) -> StoredBlob:
    """The BlobProto between two bytes. WireError where it is none, or shape and data disagree."""
    found: dict[int, list[WireField]] = {}
    for field in fields(content.view, start, stop):
        if field.number == _VOLUME[-1] and field.kind == VARINT:
            return _stored_volume(content, start, stop)
        if field.kind not in _KINDS.get(field.number, (field.kind,)):
            raise WireError(f"field {field.number} is not that of a blob", field.start)
        found.setdefault(field.number, []).append(field)
    shape = _shape(content.view, found, start)
    data = _numbers(content, shape, found, (_DOUBLE_DATA, _DATA, _RAW_DATA), start)
    if data is None:
        raise WireError(f"the shape {_show(shape)} stands without data", start)
    diff = _numbers(content, shape, found, (_DOUBLE_DIFF, _DIFF, _RAW_DIFF), start)
    return replace(data, diff=diff) if diff and diff.runs else data


def _stored_volume(content: Content, start: int, stop: int | None) -> StoredBlob:
    """A blob of C3D's first release, whose fifth field is a width and holds no numbers."""
    found: dict[int, list[WireField]] = {}
    for field in fields(content.view, start, stop):
        if (field.kind == VARINT) != (field.number in _VOLUME):
            raise WireError(f"field {field.number} is not that of a blob", field.start)
        found.setdefault(field.number, []).append(field)
    shape = tuple(signed(found[n][-1].value) if n in found else 0 for n in _VOLUME)
    _check_shape(shape, start)
    data = _numbers(content, shape, found, (0, _VOLUME_DATA, 0), start)
    if data is None:
        raise WireError(f"the shape {_show(shape)} stands without data", start)
    diff = _numbers(content, shape, found, (0, _VOLUME_DIFF, 0), start)
    return replace(data, diff=diff) if diff and diff.runs else data


def _check_shape(shape: Sequence[int], start: int) -> None:
    if min(shape, default=0) < 0 or math.prod(n or 1 for n in shape) > _MOST_ELEMENTS:
        raise WireError(f"the shape {_show(shape)} is not that of a blob", start)


def _shape(view: Buffer, found: dict[int, list[WireField]], start: int) -> tuple[int, ...]:
    """The shape, the legacy one first, as Caffe takes it."""
    if any(number in found for number in _LEGACY):
        shape = [signed(found[n][-1].value) if n in found else 0 for n in _LEGACY]
    else:
        shape = [n for field in found.get(_SHAPE, ()) for n in _dims(view, field)]
    _check_shape(shape, start)
    return tuple(shape)


def _dims(view: Buffer, shape: WireField) -> Iterator[int]:
    count = 0
    for field in fields(view, shape.start, shape.stop):
        at = field.start
        while field.number == 1 and field.kind in (VARINT, BYTES) and at < field.stop:
            count += 1
            if count > _MOST_AXES:
                raise WireError(f"a shape of more than {_MOST_AXES} axes", at)
            value, at = varint(view, at, field.stop)
            yield signed(value)


def _numbers(
    content: Content,
    shape: tuple[int, ...],
    found: dict[int, list[WireField]],
    numbers: tuple[int, int, int],
    start: int,
) -> StoredBlob | None:
    """The first of these fields that holds anything; empty where the shape is and none does."""
    double, single, raw = numbers
    raw_type = found[raw - 2][-1] if raw - 2 in found and raw in found else None
    types = {double: "<f8", single: "<f4"}
    if raw_type is not None and raw_type.kind == VARINT:
        if raw_type.value not in _RAW_TYPES:
            raise WireError(f"raw data of the type {raw_type.value}, which is no float", start)
        types[raw] = _RAW_TYPES[raw_type.value]
    size = math.prod(shape)
    for number, name in types.items():
        dtype = np.dtype(name)
        runs = tuple(_run(field, dtype) for field in found.get(number, ()))
        held = sum(run.length for run in runs)
        if held and held != size:
            what = f"the shape {_show(shape)} has {size:,} elements, but {held:,} are there"
            raise WireError(what, start)
        if held:
            return StoredBlob(shape, dtype, content, runs)
    return None if size else StoredBlob(shape, np.dtype("<f4"), content, ())


def _run(field: WireField, dtype: np.dtype[Any]) -> _Run:
    size = dtype.itemsize
    if field.stride:
        return _Run(
            field.start, (field.stop - field.start - size) // field.stride + 1, field.stride
        )
    if (field.stop - field.start) % size:
        raise WireError(f"{field.stop - field.start:,} bytes of {size}-byte numbers", field.start)
    return _Run(field.start, (field.stop - field.start) // size, size)


def _show(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) if shape else "of a scalar"


def blob_bytes(data: Array, diff: Array | None = None) -> list[bytes | memoryview]:
    """A BlobProto in parts to be written one after the other; large arrays are not copied.

    Doubles stay doubles; all else is written as the single precision that every Caffe reads.
    """
    packed = b"".join(to_varint(n) for n in data.shape)
    inner = header(1, len(packed)) + packed if packed else b""
    parts: list[bytes | memoryview] = [header(_SHAPE, len(inner)) + inner]
    for array, single, double in ((data, _DATA, _DOUBLE_DATA), (diff, _DIFF, _DOUBLE_DIFF)):
        if array is None:
            continue
        is_double = array.dtype == np.float64
        flat = np.ascontiguousarray(array, "<f8" if is_double else "<f4").reshape(-1)
        parts += [header(double if is_double else single, flat.nbytes)]
        parts += [flat.data.cast("B")] if flat.size else []
    return parts


def to_blob(data: Array, diff: Array | None = None) -> Any:
    """A BlobProto message that holds an array, and its gradient."""
    return message_class("BlobProto").FromString(b"".join(blob_bytes(data, diff)))


def from_blob(blob: Any) -> StoredBlob:
    """The numbers of a BlobProto message. NetError where its shape and data disagree."""
    try:
        return stored_blob(Content("", blob.SerializeToString()))
    except WireError as error:
        raise NetError(f"a blob is not whole: {error.message}") from None


def read_binaryproto(path: str | os.PathLike[str]) -> Array:
    """The array of a file with one BlobProto, such as a mean file; (1, c, h, w) from Caffe.

    NetError where it can't be read or is no such file.
    """
    content = open_content(path)
    try:
        return stored_blob(content).read()
    except WireError as error:
        what = f"{content.name} is no blob (.binaryproto): {error.message} (byte {error.at:,})"
        raise NetError(what) from None


def write_binaryproto(path: str | os.PathLike[str], data: Array) -> None:
    """Write an array as a file with one BlobProto, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(blob_bytes(data))
