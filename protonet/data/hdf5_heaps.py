"""Structures of an HDF5 file that HDF5 would follow until memory ends, looked at before it does.

A group of the older form keeps its names in a local heap, a data set in other files theirs: the
heap's free blocks are a list, which HDF5 reads to its end before anything else of the heap, and
one in a circle has none. An object's header is in parts, each of which it loads whole, and parts
that overlap are more than the file. Whatever else is damaged, HDF5 says itself.
Source: HDF5 File Format Specification 3.0, II, III.D and IV.A.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from protonet.diagnostics import NetError
from protonet.reading import AGAIN, reading

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_EXTERNAL_FILES, _CONTINUATION, _SYMBOL_TABLE = 0x07, 0x10, 0x11
_END_OF_LIST, _CACHED = 1, 1
_TIMES, _PHASES, _ORDER = 0x20, 0x10, 0x04  # flags of an object header
_BIGGEST_HEAD = 64


@dataclass(frozen=True)
class _Form:
    """Where addresses count from, the bytes of an address and of a length; of the root, where.

    Its heap may be named here as well, which HDF5 takes where its header's is none.
    """

    base: int = 0
    address: int = 0
    length: int = 0
    root: int = 0
    heap: int = 0


class Heaps:
    """The object headers and local heaps of a file. NetError where one has no end."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        with reading(path), open(path, "rb") as file:
            self._form = _form(file)
        self._sound: set[int] = set()

    def check_root(self) -> None:
        """Look at the root group, before HDF5 opens the file."""
        if self._form.heap:
            with reading(self._path), open(self._path, "rb") as file:
                self._check_heap(file, self._form.heap)
        self.check(self._form.root)

    def check(self, address: int) -> None:
        """Look at the object whose header is at an address, before HDF5 opens it."""
        if not self._form.address or address in self._sound:
            return
        places = {_SYMBOL_TABLE: self._form.address, _EXTERNAL_FILES: 8}
        with reading(self._path), open(self._path, "rb") as file:
            for kind, data in self._messages(file, address):
                if kind in places:
                    self._check_heap(file, _number(data, places[kind], self._form.address))
        self._sound.add(address)

    def _check_heap(self, file: BinaryIO, address: int) -> None:
        form, two = self._form, 2 * self._form.length
        head = self._at(file, address, 8 + two + form.address)
        if head[:5] != b"HEAP\0":
            return
        size, block = _number(head, 8, form.length), _number(head, 8 + form.length, form.length)
        data, seen = _number(head, 8 + two, form.address), set()
        while block != _END_OF_LIST and block + two <= size:
            if block in seen:
                raise self._damaged("the list of free blocks", address, "has no end")
            seen.add(block)
            block = _number(self._at(file, data + block, form.length), 0, form.length)

    def _messages(self, file: BinaryIO, address: int) -> Iterator[tuple[int, bytes]]:
        """The messages of an object header, of its continuations as well: (kind, data)."""
        start = self._at(file, address, _BIGGEST_HEAD)
        newer, flags = start[:5] == b"OHDR\2", 0
        if newer:
            flags = _number(start, 5, 1)
            at = 6 + 16 * bool(flags & _TIMES) + 4 * bool(flags & _PHASES)
            width = 1 << (flags & 3)
            parts = [(address + at + width, _number(start, at, width))]
        else:
            parts = [(address + 16, _number(start, 8, 4))]
        seen, left = set(), file.seek(0, os.SEEK_END)
        while parts:
            part = parts.pop()
            if part in seen:
                continue
            seen.add(part)
            data = self._at(file, *part)
            left -= len(data)
            if left < 0:
                raise self._damaged("the parts of the object", address, "overlap")
            body = data[4:] if newer and data[:4] == b"OCHK" else data
            for kind, value in _split(body, newer, 6 if flags & _ORDER else 4):
                if kind == _CONTINUATION:
                    parts.append(self._place(value))
                yield kind, value

    def _place(self, continuation: bytes) -> tuple[int, int]:
        form = self._form
        return _number(continuation, 0, form.address), _number(
            continuation, form.address, form.length
        )

    def _damaged(self, what: str, address: int, how: str) -> NetError:
        where = f"{what} at byte {self._form.base + address:,} {how}"
        return NetError(f"{self._path} is damaged: {where}", None, AGAIN)

    def _at(self, file: BinaryIO, address: int, size: int) -> bytes:
        """So many bytes from an address, or what the file has of them."""
        start, end = self._form.base + address, file.seek(0, os.SEEK_END)
        if start >= end:
            return b""
        file.seek(start)
        return file.read(min(size, end - start))


def _form(file: BinaryIO) -> _Form:
    """What the superblock says; of one that is not known, nothing."""
    at, end, head = 0, file.seek(0, os.SEEK_END), b""
    while at < end and not head.startswith(_SIGNATURE):
        file.seek(at)
        head = file.read(512)
        at = max(512, 2 * at)
    older, version = head[8:9] in (b"\0", b"\1"), _number(head, 8, 1)
    sizes, places = (13, 24 + 4 * version) if older else (9, 12)
    address, length = _number(head, sizes, 1), _number(head, sizes + 1, 1)
    if not head.startswith(_SIGNATURE) or not length:
        return _Form()
    root = places + (5 if older else 3) * address
    cached = older and _number(head, root + address, 4) == _CACHED
    heap = _number(head, root + 8 + 2 * address, address) if cached else 0
    base, header = _number(head, places, address), _number(head, root, address)
    return _Form(base, address, length, header, heap)


def _split(data: bytes, newer: bool, head: int) -> Iterator[tuple[int, bytes]]:
    """The messages of a part of an object header, whose own heads have a size in newer ones."""
    width = 1 if newer else 2
    head = head if newer else 8
    at = 0
    while at + head <= len(data):
        size = _number(data, at + width, 2)
        yield _number(data, at, width), data[at + head : at + head + size]
        at += head + size


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
