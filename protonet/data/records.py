"""A database's records, and what reads them one after the other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Protocol

from protonet.data.datum import Bytes
from protonet.diagnostics import NetError
from protonet.plain import plain

EVERY = slice(None)


class Record(NamedTuple):
    """One record and its number, from 0."""

    number: int
    key: Bytes
    value: Bytes

    @property
    def shown_key(self) -> str:
        """The key as text, whatever bytes it has."""
        return plain(bytes(self.key).decode("utf-8", "backslashreplace"))

    def __str__(self) -> str:
        return f"record {self.number} (key {self.shown_key!r})"


class Reader(Protocol):
    """A cursor over a database's records, which begins at the first, number 0."""

    count: int | None

    @property
    def number(self) -> int:
        """The number of the record where it stands."""
        ...

    def take(self, count: int, wanted: slice = EVERY) -> list[Record]:
        """So many records from where it stands on, or of them those ``wanted``.

        The first follows the last.
        """
        ...

    def key(self) -> bytes:
        """The key where it stands."""
        ...

    def seek(self, key: bytes, number: int) -> bool:
        """Stand at a key, which has that number; whether the database has it."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


def refuse_empty(path: Path, has_records: bool) -> None:
    """NetError where there is nothing to read."""
    if not has_records:
        raise NetError(f"the database {os.fspath(path)} is empty")
