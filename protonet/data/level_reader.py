"""A cursor over a LevelDB, in a folder of links, with every checksum looked at."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from protonet.data.extras import need
from protonet.data.level_tables import check_table
from protonet.data.records import EVERY, Record, refuse_empty
from protonet.diagnostics import NetError
from protonet.reading import AGAIN, reading

_TABLES = (".ldb", ".sst")
# A block states at most 4 GB. To look at each one of a large database takes as long as to read it.
_SMALL = 1 << 30


class LevelReader:
    """A cursor over a LevelDB.

    LevelDB writes into what it opens and lets one process in. It is given a folder of links
    instead, so that the database stays as it is, may be read-only, and may be read by many.
    """

    def __init__(self, path: Path) -> None:
        plyvel = need("plyvel", "a LevelDB")
        if not (path / "CURRENT").exists():
            hint = "a LevelDB is a folder with a file CURRENT"
            if (path / "data.mdb").exists():
                hint = "this is an LMDB: give data_param { backend: LMDB }"
            raise NetError(f"{os.fspath(path)} is no LevelDB", None, hint)
        self._path = path
        self.count: int | None = None
        self.number = 0
        self._last = ""
        self._folder = tempfile.TemporaryDirectory(prefix="protonet-leveldb-")
        self._iterator = self._database = None
        try:
            with reading(path, "is a LevelDB that can't be opened"):
                _link(path, Path(self._folder.name))
            with self._whole():
                self._database = plyvel.DB(self._folder.name, paranoid_checks=True)
                self._iterator = self._database.raw_iterator(verify_checksums=True)
                self._iterator.seek_to_first()
                has_records = self._iterator.valid()
            refuse_empty(path, has_records)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """LevelDB's errors, which name the folder of links, as those of the database."""
        after = f" after {self._last}" if self._last else ""
        wrong = f"is a LevelDB that is damaged{after}"
        with reading(self._path, wrong, alias=self._folder.name):
            yield

    def take(self, count: int, wanted: slice = EVERY) -> list[Record]:
        """Copies of the records."""
        return [self._next() for _ in range(count)][wanted]

    def _next(self) -> Record:
        assert self._iterator is not None
        with self._whole():
            record = Record(self.number, *self._iterator.item())
            self._last = str(record)
            self._iterator.next()
            if self._iterator.valid():
                self.number += 1
            else:
                self._iterator.seek_to_first()
                self.number = 0
        return record

    def key(self) -> bytes:
        """The key where it stands."""
        assert self._iterator is not None
        with self._whole():
            return bytes(self._iterator.key())

    def seek(self, key: bytes, number: int) -> bool:
        """Stand at a key."""
        assert self._iterator is not None
        self.number = number
        with self._whole():
            self._iterator.seek(key)
            return bool(self._iterator.valid() and self._iterator.key() == key)

    def close(self) -> None:
        """Close the database and take the links away."""
        if self._iterator is not None:
            self._iterator.close()
        if self._database is not None:
            self._database.close()
        self._iterator = self._database = None
        self._folder.cleanup()


def _link(path: Path, folder: Path) -> None:
    """Links to the tables, which never change, and copies of the few small files beside them."""
    files = [file for file in path.iterdir() if file.is_file()]
    is_small = sum(file.stat().st_size for file in files) <= _SMALL
    for file in files:
        if file.suffix in _TABLES:
            check_table(file, packed=is_small)
            (folder / file.name).symlink_to(file.resolve())
        elif file.name == "CURRENT" or file.name.startswith("MANIFEST") or file.suffix == ".log":
            shutil.copy(file, folder / file.name)
    current = (folder / "CURRENT").read_bytes()
    if not re.fullmatch(rb"MANIFEST-\d+\n", current):
        raise NetError(f"{os.fspath(path / 'CURRENT')} names no MANIFEST", None, AGAIN)
