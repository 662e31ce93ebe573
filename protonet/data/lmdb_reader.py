"""A cursor over an LMDB, which reads its file without liblmdb and without mapping it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import ge, itemgetter
from pathlib import Path
from typing import Any

from protonet.data.lmdb_pages import Damaged, LmdbNode, Pages
from protonet.data.records import EVERY, Record, refuse_empty
from protonet.diagnostics import NetError
from protonet.reading import AGAIN

_REVERSED, _LISTS, _INTEGERS = 2, 4, 8
_KEY = itemgetter(0)
_ORDERS: dict[int, Callable[[bytes], Any]] = {
    0: bytes,
    _REVERSED: lambda key: key[::-1],
    _INTEGERS: lambda key: int.from_bytes(key, "little"),
}


class LmdbReader:
    """A cursor over the main database of an LMDB, as its newest transaction left it.

    The tree is walked page by page, and a file that is damaged, or is written over while it is
    read, is an error and not the end of the process. No lock is taken and nothing is written.
    """

    def __init__(self, path: Path) -> None:
        self._pages = Pages(path)
        self.count: int | None = self._pages.tree.entries
        self.number = 0
        self._order = _ORDERS.get(self._pages.tree.flags & ~_LISTS, bytes)
        self._branches: list[tuple[list[int], int]] = []
        self._leaf: list[LmdbNode] = []
        self._at = 0
        self._counts = True  # from the first record on
        try:
            refuse_empty(path, not self._pages.is_empty)
            with self._whole():
                self._go_to_first()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """What is damaged as an error of the database, with the record before it."""
        try:
            yield
        except Damaged as error:
            what = f"the LMDB {self._pages.name} is damaged"
            if self._leaf and self._at < len(self._leaf):
                what += f" at {Record(self.number, self._leaf[self._at].key, b'')}"
            raise NetError(f"{what}: {error}", None, AGAIN) from None

    def take(self, count: int, wanted: slice = EVERY) -> list[Record]:
        """Copies of the records, of which only those ``wanted`` are read."""
        passed: list[tuple[int, LmdbNode]] = []
        with self._whole():
            while (left := count - len(passed)) > 0:
                nodes = self._leaf[self._at : self._at + left]
                passed += enumerate(nodes, self.number)
                self._at += len(nodes)
                self.number += len(nodes)
                if self._at == len(self._leaf):
                    self._next_leaf()
        return [
            Record(number, node.key, node.value if not node.page else self._value(number, node))
            for number, node in passed[wanted]
        ]

    def _value(self, number: int, node: LmdbNode) -> bytes | memoryview:
        try:
            return self._pages.value(node)
        except Damaged as error:
            what = f"{Record(number, node.key, b'')} of the LMDB {self._pages.name} is damaged"
            raise NetError(f"{what}: {error}", None, AGAIN) from None

    def key(self) -> bytes:
        """The key where it stands."""
        return self._leaf[self._at].key

    def seek(self, key: bytes, number: int) -> bool:
        """Stand at a key. Source: mdb_page_search, mdb_node_search."""
        self.number, self._counts, wanted = number, False, self._order(key)
        with self._whole():
            branches, page = [], self._pages.tree.root
            for level in range(self._pages.tree.depth - 1):
                children = self._children(level, page)
                keys = [self._order(first) for first, _ in children[1:]]
                chosen = bisect_right(keys, wanted)
                branches.append(([child for _, child in children], chosen))
                page = children[chosen][1]
            leaf = self._records(page)
        at = bisect_left([self._order(node.key) for node in leaf], wanted)
        if at == len(leaf) or leaf[at].key != key:
            return False
        self._branches, self._leaf, self._at = branches, leaf, at
        return True

    def keys(self) -> list[bytes]:
        """All keys in their order; it stands at the first record before and after."""
        found: list[bytes] = []
        with self._whole():
            self._go_to_first()
            while not found or self.number:
                found += map(_KEY, self._leaf)
                self.number += len(self._leaf)
                self._next_leaf()
        return found

    def fetch(self, key: bytes, number: int) -> Record:
        """The record of a key that ``keys`` gave, where it stands from then on."""
        if not self.seek(key, number):
            what = f"the LMDB {self._pages.name} has no {Record(number, key, b'')} any more"
            raise NetError(what, None, AGAIN)
        node = self._leaf[self._at]
        value = node.value if not node.page else self._value(number, node)
        return Record(number, node.key, value)

    def close(self) -> None:
        """Close the file."""
        self._pages.close()

    def _go_to_first(self) -> None:
        self._branches = []
        self._descend(self._pages.tree.root)
        self.number, self._counts = 0, True

    def _descend(self, page: int) -> None:
        """Stand at the first record below a page."""
        for level in range(len(self._branches), self._pages.tree.depth - 1):
            children = [child for _, child in self._children(level, page)]
            self._branches.append((children, 0))
            page = children[0]
        self._leaf, self._at = self._records(page), 0

    def _children(self, level: int, page: int) -> list[tuple[bytes, int]]:
        return self._pages.children(self._pages.page(page, self._pages.kind_at(level)))

    def _records(self, page: int) -> list[LmdbNode]:
        depth = self._pages.tree.depth
        found = self._pages.records(self._pages.page(page, self._pages.kind_at(depth - 1)))
        keys = list(map(_KEY, found))
        if self._order is not bytes:
            keys = list(map(self._order, keys))
        if any(map(ge, keys, keys[1:])):
            raise Damaged(f"the keys of page {page} are not in order")
        return found

    def _next_leaf(self) -> None:
        """Stand at the first record of the next leaf, after the last at the database's first."""
        last = self._leaf[-1].key
        while self._branches:
            children, chosen = self._branches.pop()
            if chosen + 1 < len(children):
                self._branches.append((children, chosen + 1))
                self._descend(children[chosen + 1])
                break
        else:
            if self._counts and self.number != self.count:
                raise Damaged(f"it has {self.number:,} records, and states {self.count:,}")
            self._go_to_first()
            return
        if self._order(self._leaf[0].key) <= self._order(last):  # or a page stands there twice
            raise Damaged("its keys are not in order")
