"""LMDB and LevelDB databases, read in the order of their keys without being changed."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol

from protonet.data.datum import Bytes
from protonet.data.extras import need
from protonet.diagnostics import NetError


class Reader(Protocol):
    """A cursor over a database's records, which begins at the first."""

    count: int | None

    def item(self) -> tuple[bytes, Bytes]:
        """Key and value where it stands; a view of an LMDB's is good until the reader closes."""
        ...

    def advance(self) -> bool:
        """Go one record on, after the last to the first; whether it did that."""
        ...

    def seek(self, key: bytes) -> bool:
        """Stand at a key; whether the database has it."""
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
        self._error = need("lmdb", "an LMDB").Error
        self._environment = self._open(path)
        try:
            self._whole = _Whole(self._environment, path)
            self.count: int | None = int(self._environment.stat()["entries"])
            self._transaction = self._environment.begin(buffers=True)
            self._cursor = self._transaction.cursor()
            with self._clear_errors():
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
        with self._lock:
            environment, users = self._shared.pop(self._key)
            if users > 1:
                self._shared[self._key] = environment, users - 1
            else:
                environment.close()

    def item(self) -> tuple[bytes, Bytes]:
        """The record where it stands, a view into the file."""
        with self._clear_errors():
            key, value = self._cursor.item()
            return bytes(key), value

    def advance(self) -> bool:
        """Go on; the last record is followed by the first."""
        with self._clear_errors():
            if self._cursor.next():
                return False
            self._cursor.first()
            return True

    def seek(self, key: bytes) -> bool:
        """Stand at a key."""
        with self._clear_errors():
            return bool(self._cursor.set_key(key))

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """LMDB's error of a page that makes no sense, as one of the database's."""
        self._whole.check()
        try:
            yield
        except self._error as error:
            raise NetError(f"the LMDB {self._key} can't be read: {error}") from None

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
    """Sees that a file still has all its pages: to read past its end would end the process."""

    def __init__(self, environment: Any, path: Path) -> None:
        self._path = path
        self._file = (path if path.is_file() else path / "data.mdb").resolve()
        self._number = self._file.stat().st_ino
        self._wanted = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        self.check()

    def check(self) -> None:
        """NetError where it is shorter; one that was removed stays whole for who has it open."""
        try:
            now = self._file.stat()
        except FileNotFoundError:
            return
        if now.st_ino == self._number and now.st_size < self._wanted:
            size = f"{now.st_size} bytes of {self._wanted}"
            what = f"the LMDB {os.fspath(self._path)} is cut off: {size}"
            raise NetError(what, None, "copy or make it again")


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

    def item(self) -> tuple[bytes, Bytes]:
        """The record where it stands."""
        try:
            key, value = self._iterator.item()
        except self._errors as error:
            what = f"the LevelDB {os.fspath(self._path)} can't be read: {error}"
            raise NetError(what) from None
        return key, value

    def advance(self) -> bool:
        """Go on; the last record is followed by the first."""
        self._iterator.next()
        if self._iterator.valid():
            return False
        self._iterator.seek_to_first()
        return True

    def seek(self, key: bytes) -> bool:
        """Stand at a key."""
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
