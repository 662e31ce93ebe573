"""One record of a database: a Datum's fields without a copy, and its image."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protonet.data.extras import need
from protonet.schema.pool import message

Bytes = bytes | memoryview
Image = NDArray[Any]
_CHANNELS, _HEIGHT, _WIDTH, _DATA, _LABEL, _FLOATS, _ENCODED = range(1, 8)
_FIXED = {1: 8, 5: 4}
_FLOAT_TAG = _FLOATS << 3 | 5


class Datum(NamedTuple):
    """The fields of a Datum; ``data`` is a view of the record, ``label`` None where it has none."""

    channels: int
    height: int
    width: int
    data: Bytes
    label: int | None
    floats: NDArray[np.float32]
    encoded: bool


def parse_datum(record: Bytes) -> Datum:
    """The fields of a serialized Datum. ValueError where the record is none."""
    numbers: dict[int, int] = {}
    data: Bytes = b""
    floats: list[NDArray[np.float32]] = []
    at, end = 0, len(record)
    while at < end:
        tag, at = _varint(record, at)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            numbers[field], at = _varint(record, at)
        elif wire == 2:
            size, at = _varint(record, at)
            value, at = _slice(record, at, size)
            if field == _DATA:
                data = value
            elif field == _FLOATS:
                floats.append(_as_floats(value))
        elif tag == _FLOAT_TAG:
            run, at = _unpacked_floats(record, at - 1)
            floats.append(run)
        else:
            _, at = _slice(record, at, _fixed(wire))
    channels, height, width = (numbers.get(f, 0) for f in (_CHANNELS, _HEIGHT, _WIDTH))
    label = _signed(numbers[_LABEL]) if _LABEL in numbers else None
    joined = np.concatenate(floats) if floats else np.empty(0, np.float32)
    encoded = bool(numbers.get(_ENCODED))
    return Datum(channels, height, width, data, label, joined, encoded)


def _varint(record: Bytes, at: int) -> tuple[int, int]:
    if at < len(record) and record[at] < 0x80:
        return record[at], at + 1
    value = shift = 0
    while shift < 64:
        if at >= len(record):
            raise ValueError("it ends within a number")
        byte = record[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("it is no Datum message")


def _slice(record: Bytes, at: int, size: int) -> tuple[Bytes, int]:
    if at + size > len(record):
        raise ValueError(f"it ends {at + size - len(record)} bytes too early")
    return record[at : at + size], at + size


def _fixed(wire: int) -> int:
    if wire not in _FIXED:
        raise ValueError("it is no Datum message")
    return _FIXED[wire]


def _as_floats(value: Bytes) -> NDArray[np.float32]:
    if len(value) % 4:
        raise ValueError("its float_data is cut off")
    return np.frombuffer(value, dtype="<f4")


def _unpacked_floats(record: Bytes, at: int) -> tuple[NDArray[np.float32], int]:
    """A run of float_data written one by one, five bytes each, from the first tag on."""
    whole = (len(record) - at) // 5
    rows = np.frombuffer(record, np.uint8, whole * 5, at).reshape(whole, 5)
    others = np.flatnonzero(rows[:, 0] != _FLOAT_TAG)
    count = int(others[0]) if others.size else whole
    if not count:
        raise ValueError("it ends within a number")
    values = np.ascontiguousarray(rows[:count, 1:]).view("<f4").reshape(count)
    return values, at + 5 * count


def _signed(value: int) -> int:
    """An int32 from its varint, which is that of 64 bits."""
    return value - (1 << 64) if value >= 1 << 63 else value


def pixels(datum: Datum, color: bool | None) -> Image:
    """The image of a Datum as (channels, height, width), uint8 or float32.

    ``color`` forces an encoded image to colour or gray; None takes it as it is encoded.
    ValueError where it can't be. Source: DecodeDatumToCVMat, DataTransformer::Transform.
    """
    if datum.encoded:
        return decoded(datum.data, color)
    shape = (datum.channels, datum.height, datum.width)
    size = shape[0] * shape[1] * shape[2]
    values = np.frombuffer(datum.data, np.uint8) if len(datum.data) else datum.floats
    if min(shape) < 1 or len(values) != size:
        shown = "x".join(str(n) for n in shape)
        raise ValueError(f"it states {shown} = {size} values, and has {len(values)}")
    return values.reshape(shape)


def decoded(data: Bytes, color: bool | None) -> Image:
    """An encoded image as (channels, height, width), uint8, BGR where it is of colour."""
    cv2 = need("cv2", "an encoded image")
    flags = {None: cv2.IMREAD_UNCHANGED, True: cv2.IMREAD_COLOR, False: cv2.IMREAD_GRAYSCALE}
    try:
        image: Image | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags[color])
    except cv2.error:
        image = None
    if image is None:
        raise ValueError("OpenCV can't decode its image")
    if image.dtype != np.uint8:
        raise ValueError(f"its image has values of {image.dtype}, and Caffe takes only 8 bits")
    return planes(image)


def planes(image: Image) -> Image:
    """A (height, width) or (height, width, channels) image as a view, channels first."""
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)


def datum_of(image: Image, label: int) -> Any:
    """A Datum message of a (channels, height, width) uint8 image."""
    record = message("Datum")
    record.channels, record.height, record.width = image.shape
    record.data, record.label = image.tobytes(), label
    return record
