"""LevelDB's tables, looked at before LevelDB is: it takes memory for whatever size they state.

It ends the process where that memory can't be had. Checksums it looks at itself.
Source: leveldb/doc/table_format.md, snappy's format_description.txt.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from protonet.reading import reading
from protonet.schema.wire import varint

_FOOTER, _TRAILER = 48, 5
_MAGIC = bytes.fromhex("57fb808b247547db")
_PLAIN, _SNAPPY = 0, 1
_MOST_PACKED = 24  # snappy writes at most 64 bytes for 3


def check_table(table: Path, packed: bool = True) -> None:
    """NetError where a block that the table's end or its index names does not lie within it.

    With ``packed`` it is one as well where a block states more than it can be packed from.
    """
    with reading(table, "is no whole table of a LevelDB"), FileIO(table) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _FOOTER))
        footer = file.read(_FOOTER)
        if len(footer) < _FOOTER or not footer.endswith(_MAGIC):
            raise ValueError("its end is damaged")
        blocks = size - _FOOTER
        _, (start, length) = _handles(footer, blocks, 2)
        file.seek(start)
        for value in _values(_unpacked(file.read(length + 1))):
            ((start, length),) = _handles(value, blocks, 1)
            if packed:
                _check_packed(file, start, length)


def _check_packed(file: FileIO, start: int, length: int) -> None:
    """ValueError where a block of records states a size that its bytes can't have."""
    file.seek(start + length)
    if file.read(1) != bytes([_SNAPPY]):
        return
    file.seek(start)
    head = file.read(min(length, 10))
    wanted, _ = varint(head, 0, len(head))
    if wanted > _MOST_PACKED * length:
        raise ValueError(f"the block at byte {start:,} would have {wanted:,} bytes")


def _handles(data: bytes, end: int, count: int) -> list[tuple[int, int]]:
    """Where blocks begin and how long they are. ValueError where one is not before ``end``."""
    at, found = 0, []
    for _ in range(count):
        start, at = varint(data, at, len(data))
        size, at = varint(data, at, len(data))
        if start + size + _TRAILER > end:
            raise ValueError(f"a block of {size:,} bytes would stand at byte {start:,}")
        found.append((start, size))
    return found


def _values(block: bytes) -> Iterator[bytes]:
    """The values of a block's entries, without their keys."""
    restarts = int.from_bytes(block[-4:], "little")
    end, at = len(block) - 4 * (restarts + 1), 0
    if end < 0:
        raise ValueError("its index is damaged")
    while at < end:
        _, at = varint(block, at, end)
        own, at = varint(block, at, end)
        size, at = varint(block, at, end)
        if at + own + size > end:
            raise ValueError("its index is damaged")
        yield block[at + own : at + own + size]
        at += own + size


def _unpacked(block: bytes) -> bytes:
    """A block's content, of which the last byte says how it is packed."""
    data, kind = block[:-1], block[-1]
    if kind == _PLAIN:
        return data
    if kind != _SNAPPY:
        raise ValueError(f"its index is packed in the way {kind}")
    wanted, at = varint(data, 0, len(data))
    if wanted > _MOST_PACKED * len(data):
        raise ValueError(f"its index would have {wanted:,} bytes")
    made = bytearray()
    while at < len(data) and len(made) <= wanted:
        at = _element(data, at, made)
    if len(made) != wanted:
        raise ValueError("its index is damaged")
    return bytes(made)


def _element(data: bytes, at: int, made: bytearray) -> int:
    """Add one of snappy's elements, letters or a copy of what was before; where it ends."""
    tag, at = data[at], at + 1
    kind, length = tag & 3, (tag >> 2) + 1
    if kind == 0:
        more = max(0, length - 60)
        length = int.from_bytes(data[at : at + more], "little") + 1 if more else length
        made += data[at + more : at + more + length]
        return at + more + length
    wide = (0, 1, 2, 4)[kind]
    offset = int.from_bytes(data[at : at + wide], "little")
    if kind == 1:
        offset, length = offset | tag >> 5 << 8, (tag >> 2 & 7) + 4
    if not 0 < offset <= len(made):
        raise ValueError("its index is damaged")
    for _ in range(length):
        made.append(made[-offset])
    return at + wide
