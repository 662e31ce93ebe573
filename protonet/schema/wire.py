"""Protobuf's wire form: where the fields of a message stand, without copying what they hold.

A caffemodel is a few kilobytes of structure around hundreds of megabytes of numbers. Walked in
place, it costs neither the memory nor the time of a parse, and damage has an address.
Source: the encoding chapter of the Protocol Buffers documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from protonet.schema.view import FileView

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
SIZES = {FIXED64: 8, FIXED32: 4}
_KINDS = (VARINT, FIXED64, BYTES, FIXED32)
_LONGEST_VARINT = 10
_LARGEST_NUMBER = 2**29 - 1
_FIRST_WINDOW, _LARGEST_WINDOW = 64, 1 << 20

Buffer = bytes | FileView


class WireError(ValueError):
    """The bytes are no protobuf message: what is wrong, and at which byte."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message, self.at = message, at


class WireField(NamedTuple):
    """One field: its number, its kind on the wire, and its content from ``start`` to ``stop``.

    ``value`` is that of a varint. Fields of fixed size that follow one another under the same
    number are one WireField, whose elements stand ``stride`` bytes apart.
    """

    number: int
    kind: int
    start: int
    stop: int
    value: int = 0
    stride: int = 0


def fields(view: Buffer, start: int = 0, stop: int | None = None) -> Iterator[WireField]:
    """The fields between two bytes of a buffer, in their order.

    WireError where the bytes are no message, or claim more than there is.
    """
    at, stop = start, len(view) if stop is None else stop
    while at < stop:
        begin = at
        tag, at = varint(view, at, stop)
        number, kind = tag >> 3, tag & 7
        if not 0 < number <= _LARGEST_NUMBER or kind not in _KINDS:
            raise WireError(f"no field begins with the byte 0x{view[begin]:02x}", begin)
        if kind == VARINT:
            value, end = varint(view, at, stop)
            yield WireField(number, kind, at, end, value)
        elif kind == BYTES:
            size, at = varint(view, at, stop)
            end = _end(at, size, stop)
            yield WireField(number, kind, at, end)
        else:
            stride = _end(at, SIZES[kind], stop) - begin
            end = _run(view, begin, stop, stride) if at == begin + 1 else begin + stride
            yield WireField(number, kind, at, end, 0, stride)
        at = end


def varint(view: Buffer, at: int, stop: int) -> tuple[int, int]:
    """An unsigned number of seven bits a byte, and where it ends."""
    value = shift = 0
    for place in range(at, min(stop, at + _LONGEST_VARINT)):
        byte = view[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place + 1
        shift += 7
    raise WireError("a number has no end" if stop - at >= _LONGEST_VARINT else "it is cut off", at)


def signed(value: int, bits: int = 64) -> int:
    """A varint as the int64 it stands for; an enum or an int32 has its last 32 bits."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def to_varint(value: int) -> bytes:
    """The bytes of a number that is not negative."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def header(number: int, size: int) -> bytes:
    """What stands before a content of ``size`` bytes under a field's number."""
    return to_varint(number << 3 | BYTES) + to_varint(size)


def _end(at: int, size: int, stop: int) -> int:
    """Where a content ends, if the buffer holds all that it claims."""
    if size > stop - at:
        raise WireError(
            f"it is cut off: a field claims {size:,} bytes where {stop - at:,} are left", at
        )
    return at + size


def _run(view: Buffer, begin: int, stop: int, stride: int) -> int:
    """Where the last of the fields of one tag ends, looking ever further ahead."""
    count, most, window = 1, (stop - begin) // stride, _FIRST_WINDOW
    while count < most:
        ahead = min(window, most - count)
        start = begin + count * stride
        tags = np.frombuffer(view[start : start + ahead * stride], np.uint8)[::stride]
        same = tags == view[begin]
        if not same.all():
            return begin + (count + int(same.argmin())) * stride
        count += ahead
        window = min(4 * window, _LARGEST_WINDOW)
    return begin + count * stride
