"""LMDB's file taken apart: its meta pages, and the nodes of its tree.

liblmdb maps a file and believes it: a damaged page sends it past the file's end, and the process
ends without a word. Here every page is read, and every number in it held against what is there.
Source: LMDB 0.9, mdb.c (MDB_meta, MDB_page, MDB_node, mdb_env_read_header).
"""

from __future__ import annotations

import os
from pathlib import Path
from struct import Struct, unpack_from
from threading import Lock
from typing import NamedTuple

from protonet.diagnostics import NetError
from protonet.reading import AGAIN, reading

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_NO_PAGE = 2**64 - 1
_BRANCH, LEAF, _OVERFLOW, _META = 1, 2, 4, 8
_BIG = 1
_SMALLEST, _LARGEST = 256, 1 << 15
_DEEPEST = 32
_HEADER = Struct("<QHHHH")
# The size of pages stands in the first database's own field; the second database is the main one.
_START = Struct("<QHHI IIQQ IHH5Q IHH5Q QQ")
_NODE = Struct("<HHHH")
_NUMBER = Struct("<Q")


class Damaged(Exception):
    """The file is not what LMDB writes: what, and where."""


class LmdbTree(NamedTuple):
    """The main database as the newest meta page has it."""

    page_size: int
    last_page: int
    root: int
    depth: int
    flags: int
    entries: int


class LmdbNode(NamedTuple):
    """A record of a leaf: its key, and its value or the overflow page on which that begins."""

    key: bytes
    value: bytes
    page: int
    size: int


class Pages:
    """The pages of an open LMDB. NetError where the file is none, or is cut off."""

    def __init__(self, path: Path) -> None:
        self.name = os.fspath(path)
        self.file = path if path.is_file() else path / "data.mdb"
        self._one_at_a_time = Lock()
        with reading(self.file):
            self._opened = self.file.open("rb", buffering=0)
        try:
            self.tree = self._tree()
            self.check_size()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def _read(self, size: int, at: int) -> bytes:
        """So many bytes at a place, or those that are there; threads may read at once."""
        if hasattr(os, "pread"):
            return os.pread(self._opened.fileno(), size, at)
        with self._one_at_a_time:  # Windows has none
            self._opened.seek(at)
            return self._opened.read(size) or b""

    def _tree(self) -> LmdbTree:
        """The newest of the two meta pages. Source: mdb_env_read_header, mdb_env_pick_meta."""
        size = os.fstat(self._opened.fileno()).st_size
        if not size:
            raise NetError(f"{os.fspath(self.file)} is an empty file, no LMDB", None, AGAIN)
        first = self._meta(0)
        metas = [first] if first is None else [first, self._meta(first[1].page_size)]
        good = [meta for meta in metas if meta is not None]
        if len(good) < 2:
            what = f"{os.fspath(self.file)} is no LMDB, or its beginning is damaged: "
            raise NetError(f"{what}it has {size:,} bytes", None, AGAIN)
        return max(good, key=lambda meta: meta[0])[1]

    def _meta(self, at: int) -> tuple[int, LmdbTree] | None:
        """A meta page's number of the transaction, and its main database; None where it is none."""
        page = self._read(_START.size, at)
        if len(page) < _START.size:
            return None
        fields = _START.unpack(page)
        (_, _, flags, _, magic, version), psize = fields[:6], fields[8]
        if magic != _MAGIC or version != _VERSION or not flags & _META:
            return None
        if not _SMALLEST <= psize <= _LARGEST or psize & (psize - 1):
            return None
        _, kinds, depth, *_, entries, root, last, transaction = fields[16:]
        return transaction, LmdbTree(psize, last, root, depth, kinds, entries)

    def check_size(self) -> None:
        """NetError where the file has become shorter than its pages, or is so already."""
        size = os.fstat(self._opened.fileno()).st_size
        wanted = (self.tree.last_page + 1) * self.tree.page_size
        if size < wanted:
            what = f"the LMDB {self.name} is cut off: {size} bytes of {wanted}"
            raise NetError(what, None, AGAIN)

    @property
    def is_empty(self) -> bool:
        """Whether there is no record."""
        return self.tree.root == _NO_PAGE

    def page(self, number: int, kind: int) -> bytes:
        """A page of the tree. Damaged where it is of another kind, or is not there."""
        size = self.tree.page_size
        if number > self.tree.last_page:
            raise Damaged(f"it has no page {number}")
        page = self._read(size, number * size)
        if len(page) < size:
            self.check_size()
            raise Damaged(f"page {number} is not all there")
        own, _, flags, lower, upper = _HEADER.unpack_from(page)
        fine = flags & (_BRANCH | LEAF | _OVERFLOW | _META) == kind and lower <= upper <= size
        if own != number or not fine or lower < _HEADER.size or lower % 2:
            raise Damaged(f"page {number} is damaged")
        return page

    def kind_at(self, level: int) -> int:
        """What pages are at a level of the tree, its root at 0."""
        if not 0 < self.tree.depth <= _DEEPEST:
            raise Damaged(f"its tree is {self.tree.depth} pages deep")
        return LEAF if level == self.tree.depth - 1 else _BRANCH

    def nodes(self, page: bytes) -> list[tuple[int, int, int, int, int]]:
        """Each node of a page: low, high, flags, size of the key, and where the key begins."""
        number, _, _, lower, _ = _HEADER.unpack_from(page)
        places = unpack_from(f"<{(lower - _HEADER.size) // 2}H", page, _HEADER.size)
        last = len(page) - _NODE.size
        if not places or max(places) > last:
            raise Damaged(f"page {number} is damaged")
        found = [(*_NODE.unpack_from(page, at), at + _NODE.size) for at in places]
        if max(node[4] + node[3] for node in found) > len(page):
            raise Damaged(f"page {number} is damaged")
        return found

    def children(self, page: bytes) -> list[tuple[bytes, int]]:
        """The first key of each child of a branch, and its page; the first has none."""
        return [
            (page[at : at + size], low | high << 16 | more << 32)
            for low, high, more, size, at in self.nodes(page)
        ]

    def records(self, page: bytes) -> list[LmdbNode]:
        """The records of a leaf. Damaged where one is no plain key and value."""
        found, whole = [], len(page)
        for low, high, flags, length, at in self.nodes(page):
            start, size = at + length, low | high << 16
            if not flags and start + size <= whole:
                found.append(LmdbNode(page[at:start], page[start : start + size], 0, size))
            else:
                found.append(self._apart(page, page[at:start], flags, start, size))
        return found

    def _apart(self, page: bytes, key: bytes, flags: int, start: int, size: int) -> LmdbNode:
        """A record whose value has pages of its own."""
        if flags not in (0, _BIG):
            raise Damaged(f"under the key {key!r} stands a database or a list of values")
        if flags != _BIG or start + _NUMBER.size > len(page):
            raise Damaged(f"the value of the key {key!r} goes past its page")
        (first,) = _NUMBER.unpack_from(page, start)
        if not first:
            raise Damaged(f"the value of the key {key!r} has no page")
        return LmdbNode(key, b"", first, size)

    def value(self, node: LmdbNode) -> bytes | memoryview:
        """A record's value. Damaged where it is not all there."""
        if not node.page:
            return node.value
        size, first = self.tree.page_size, node.page
        pages = -(-(_HEADER.size + node.size) // size)
        if first + pages - 1 > self.tree.last_page:
            raise Damaged(f"the value of the key {node.key!r} goes past the last page")
        whole = self._read(_HEADER.size + node.size, first * size)
        if len(whole) < _HEADER.size + node.size:
            self.check_size()
            raise Damaged(f"page {first} is not all there")
        own, _, flags, lower, upper = _HEADER.unpack_from(whole)
        if own != first or flags & _OVERFLOW == 0 or (lower | upper << 16) < pages:
            raise Damaged(f"page {first}, of the key {node.key!r}, is damaged")
        return memoryview(whole)[_HEADER.size :]
