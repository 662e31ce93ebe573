"""What damage does to bytes, from a seed: the same seed is the same damage."""

from __future__ import annotations

import random
import re
import struct
import zlib

_FORMS = ("<H", ">H", "<I", ">I", "<Q", ">Q", "<B")
_NUMBERS = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63 - 1,
)
_BLOCKS = (16, 64, 512, 4096)
_TEXTS = (
    b"0",
    b"-1",
    b"99999999999999999999",
    b"1e999",
    b"NaN",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"\xb2",
)


def flip(draw, data, _other):
    at = draw.randrange(len(data))
    data[at] ^= 1 << draw.randrange(8)


def set_byte(draw, data, _other):
    data[draw.randrange(len(data))] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))


def truncate(draw, data, _other):
    del data[draw.randrange(len(data)) :]


def zero_block(draw, data, _other):
    size = draw.choice(_BLOCKS)
    at = draw.randrange(len(data)) // size * size
    data[at : at + size] = bytes(len(data[at : at + size]))


def noise_block(draw, data, _other):
    size = draw.choice(_BLOCKS)
    at = draw.randrange(len(data))
    data[at : at + size] = draw.randbytes(len(data[at : at + size]))


def number(draw, data, _other):
    """A number in the place of one: a limit, or what is there, changed by a little or doubled."""
    form = draw.choice(_FORMS)
    size = struct.calcsize(form)
    if len(data) < size:
        return
    at = draw.randrange(len(data) - size + 1)
    (was,) = struct.unpack_from(form, data, at)
    new = draw.choice((*_NUMBERS, was + 1, was - 1, was * 2, was * 16, len(data), len(data) - at))
    struct.pack_into(form, data, at, new % (1 << 8 * size))


def address(draw, data, _other):
    """What may be an offset within the file by another that is there, its own place, or near it."""
    found = []
    for _ in range(400 if len(data) > 8 else 0):
        at = draw.randrange(len(data) - 7)
        (value,) = struct.unpack_from("<Q", data, at)
        if 0 < value < len(data):
            found.append((at, value))
    if found:
        (at, _), (_, other) = draw.choice(found), draw.choice(found)
        new = draw.choice((other, other, at, 8, 16, 24, max(0, at - draw.randrange(64))))
        struct.pack_into("<Q", data, at, new)


def varint(draw, data, _other):
    """A length of protobuf's made longer, the bytes behind it as they are."""
    at = draw.randrange(len(data))
    value, written = draw.choice(_NUMBERS), bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    data[at : at + 1] = written + bytes([value])


def insert(draw, data, other):
    at, start = draw.randrange(len(data)), draw.randrange(len(other))
    data[at:at] = other[start : start + draw.choice((1, 4, 40, 400))]


def remove(draw, data, _other):
    at = draw.randrange(len(data))
    del data[at : at + draw.choice((1, 4, 40, 400))]


def splice(draw, data, other):
    """Part of another file, or of this one, over the same place or another."""
    size = draw.choice((8, 64, 512, 4096))
    start = draw.randrange(len(other))
    at = draw.choice((start, draw.randrange(len(data)))) % len(data)
    data[at : at + size] = other[start : start + size]


def digits(draw, data, _other):
    """A number that is written out, by another thing."""
    found = list(re.finditer(rb"-?\d[\d.eE+-]*", data))
    if found:
        chosen = draw.choice(found)
        data[chosen.start() : chosen.end()] = draw.choice(_TEXTS)


WAYS = (flip, flip, set_byte, truncate, zero_block, noise_block, number, number, number, varint)
WAYS += (insert, remove, splice, splice, digits, address, address)


def damaged(draw: random.Random, data: bytes, other: bytes) -> bytes:
    """The bytes after one to four kinds of damage; ``other`` is a file of the same kind."""
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 4))):
        if made:
            draw.choice(WAYS)(draw, made, other or b"\0")
    return bytes(made)


def with_png_sums(data: bytes) -> bytes:
    """The checksums of a PNG made right, so that what is behind them is reached."""
    made, at = bytearray(data), 8
    while at + 12 <= len(made):
        (size,) = struct.unpack_from(">I", made, at)
        end = at + 8 + size
        if end + 4 > len(made):
            break
        struct.pack_into(">I", made, end, zlib.crc32(made[at + 4 : end]))
        at = end + 4
    return bytes(made)


def _table() -> list[int]:
    found = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0x82F63B78 * (value & 1)  # noqa: PLW2901
        found.append(value)
    return found


_CRC32C = _table()


def masked(data: bytes) -> int:
    """LevelDB's checksum: CRC-32C, turned and moved."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _CRC32C[(value ^ byte) & 0xFF] ^ value >> 8
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def with_log_sums(data: bytes) -> bytes:
    """The checksums of a LevelDB's log or MANIFEST made right."""
    made, at = bytearray(data), 0
    while at + 7 <= len(made):
        (size,) = struct.unpack_from("<H", made, at + 4)
        body = bytes(made[at + 6 : at + 7 + size])
        struct.pack_into("<I", made, at, masked(body))
        at += 7 + size
    return bytes(made)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            break
    return value, at


def with_table_sums(data: bytes) -> bytes:
    """The checksums of the two blocks that the end of a LevelDB's table names made right."""
    made, at = bytearray(data), max(0, len(data) - 48)
    for _ in range(2):
        start, at = _varint(made, at)
        size, at = _varint(made, at)
        end = start + size + 1
        if end + 4 <= len(made):
            struct.pack_into("<I", made, end, masked(bytes(made[start:end])))
    return bytes(made)
