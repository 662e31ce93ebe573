"""LMDB and LevelDB databases, read in the order of their keys without being changed."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

from protonet.data.datum import Bytes
from protonet.data.extras import need
from protonet.diagnostics import NetError


class Record(NamedTuple):
    """One record and its number, from 0; an LMDB's is a view, good until the reader closes."""

    number: int
    key: Bytes
    value: Bytes

    @property
    def shown_key(self) -> str:
        """The key as text, whatever bytes it has."""
        return bytes(self.key).decode("utf-8", "backslashreplace")

    def __str__(self) -> str:
        return f"record {self.number} (key {self.shown_key!r})"


class Reader(Protocol):
    """A cursor over a database's records, which begins at the first, number 0."""

    count: int | None
    number: int

    def take(self, count: int) -> list[Record]:
        """So many records from where it stands on, the first following the last."""
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


class LmdbReader:
    """A cursor over an LMDB. Readers of one path share its environment, which may be open once."""

    _shared: ClassVar[dict[str, tuple[Any, int]]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: Path) -> None:
        self._key = os.path.realpath(path)
        self.number = 0
        self._environment = self._open(path)
        self._whole = _Whole(self._environment, path)
        try:
            self.count: int | None = int(self._environment.stat()["entries"])
            with self._whole:
                self._transaction = self._environment.begin(buffers=True)
                self._cursor = self._transaction.cursor()
                has_records = self._cursor.first()
            _refuse_empty(path, has_records)
        except BaseException:
            self._release()
            raise

    def _open(self, path: Path) -> Any:
        lmdb = need("lmdb", "an LMDB")
        with self._lock:
            environment, users = self._shared.get(self._key, (None, 0))
            if environment is None:
                environment = _environment(lmdb, path)
            self._shared[self._key] = environment, users + 1
        return environment

    def _release(self) -> None:
        self._whole.close()
        with self._lock:
            environment, users = self._shared.pop(self._key)
            if users > 1:
                self._shared[self._key] = environment, users - 1
            else:
                environment.close()

    def take(self, count: int) -> list[Record]:
        """Views into the file, read on without a call for each."""
        records: list[Record] = []
        with self._whole:
            while (wanted := count - len(records)) > 0:
                rows = list(islice(self._cursor.iternext(), wanted))
                records += [Record(n, *row) for n, row in enumerate(rows, self.number)]
                self.number += len(rows)
                if len(rows) < wanted or not self._cursor.next():
                    self._cursor.first()
                    self.number = 0
        return records

    def key(self) -> bytes:
        """A copy of the key."""
        with self._whole:
            return bytes(self._cursor.key())

    def seek(self, key: bytes, number: int) -> bool:
        """Stand at a key."""
        self.number = number
        with self._whole:
            return bool(self._cursor.set_key(key))

    def close(self) -> None:
        """End the transaction; the last reader closes the environment."""
        if self._transaction is None:
            return
        self._cursor.close()
        self._transaction.abort()
        self._transaction = None
        self._release()


def _environment(lmdb: Any, path: Path) -> Any:
    """A read-only environment that needs no lock file, so that any folder will do."""
    is_file = path.is_file()
    if not is_file and not (path / "data.mdb").exists():
        hint = "an LMDB is a folder with a data.mdb"
        if (path / "CURRENT").exists():
            hint = "this is a LevelDB: give data_param { backend: LEVELDB }"
        raise NetError(f"{os.fspath(path)} is no LMDB", None, hint)
    try:
        return lmdb.open(
            os.fspath(path), readonly=True, lock=False, readahead=False, subdir=not is_file
        )
    except lmdb.Error as error:
        raise _unopened(path, error) from None


def _unopened(path: Path, error: Exception) -> NetError:
    """Why LMDB does not open a database, in words."""
    name = os.fspath(path)
    if "already open in this process" in str(error):
        hint = "close that environment: LMDB may be opened once in a process"
        return NetError(f"the LMDB {name} is open elsewhere in this process", None, hint)
    file = path if path.is_file() else path / "data.mdb"
    size, hint = file.stat().st_size, "copy or make it again"
    if not size:
        return NetError(f"{os.fspath(file)} is an empty file, no LMDB", None, hint)
    if type(error).__name__ == "InvalidError":
        what = f"{os.fspath(file)} is no LMDB, or its beginning is damaged: it has {size:,} bytes"
        return NetError(what, None, hint)
    return NetError(f"the LMDB {name} can't be opened: {str(error).removeprefix(f'{name}: ')}")


class _Whole:
    """Entered to read: the file still has all its pages, and LMDB's errors are the database's.

    To read past the end of a file would end the process; one that was removed or replaced stays
    whole for who has it open.
    """

    def __init__(self, environment: Any, path: Path) -> None:
        self._path = os.fspath(path)
        self._error = need("lmdb", "an LMDB").Error
        self._wanted = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        self._file = os.open(path if path.is_file() else path / "data.mdb", os.O_RDONLY)

    def __enter__(self) -> None:
        size = os.fstat(self._file).st_size
        if size < self._wanted:
            what = f"the LMDB {self._path} is cut off: {size} bytes of {self._wanted}"
            raise NetError(what, None, "copy or make it again")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, self._error):
            raise NetError(f"the LMDB {self._path} can't be read: {error}") from None

    def close(self) -> None:
        os.close(self._file)


def _refuse_empty(path: Path, has_records: bool) -> None:
    if not has_records:
        raise NetError(f"the database {os.fspath(path)} is empty")


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
        self._folder = tempfile.TemporaryDirectory(prefix="protonet-leveldb-")
        _link(path, Path(self._folder.name))
        try:
            self._database = plyvel.DB(self._folder.name)
        except (plyvel.Error, OSError) as error:
            self._folder.cleanup()
            what = f"the LevelDB {os.fspath(path)} can't be opened: {error}"
            raise NetError(what) from None
        self._errors = plyvel.Error
        self._iterator = self._database.raw_iterator()
        self._iterator.seek_to_first()
        try:
            _refuse_empty(path, self._iterator.valid())
        except NetError:
            self.close()
            raise

    def take(self, count: int) -> list[Record]:
        """Copies of the records."""
        return [self._next() for _ in range(count)]

    def _next(self) -> Record:
        try:
            record = Record(self.number, *self._iterator.item())
            self._iterator.next()
        except self._errors as error:
            what = f"the LevelDB {os.fspath(self._path)} can't be read: {error}"
            raise NetError(what) from None
        self.number += 1
        if not self._iterator.valid():
            self._iterator.seek_to_first()
            self.number = 0
        return record

    def key(self) -> bytes:
        """The key where it stands."""
        return bytes(self._iterator.key())

    def seek(self, key: bytes, number: int) -> bool:
        """Stand at a key."""
        self.number = number
        self._iterator.seek(key)
        return bool(self._iterator.valid() and self._iterator.key() == key)

    def close(self) -> None:
        """Close the database and take the links away."""
        if self._database is not None:
            self._iterator.close()
            self._database.close()
            self._database = None
            self._folder.cleanup()


def _link(path: Path, folder: Path) -> None:
    """Links to the tables, which never change, and copies of the few small files beside them."""
    for file in path.iterdir():
        if file.suffix in (".ldb", ".sst"):
            (folder / file.name).symlink_to(file.resolve())
        elif file.name == "CURRENT" or file.name.startswith("MANIFEST") or file.suffix == ".log":
            shutil.copy(file, folder / file.name)


def open_reader(path: Path, backend: str) -> Reader:
    """A cursor over the database at a path, ``backend`` "lmdb" or "leveldb"."""
    return LmdbReader(path) if backend == "lmdb" else LevelReader(path)


def backend_of(path: Path) -> str:
    """Which of the two a folder holds, by its files. NetError where it is neither."""
    if (path / "CURRENT").exists():
        return "leveldb"
    if (path / "data.mdb").exists() or path.is_file():
        return "lmdb"
    what = "is no LMDB and no LevelDB" if path.exists() else "does not exist"
    raise NetError(f"{os.fspath(path)} {what}")
