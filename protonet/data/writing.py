"""New databases, written as a whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from protonet.data.extras import need
from protonet.diagnostics import NetError

_TOGETHER = 1000
_FIRST_MAP = 1 << 24
KeyedRecord = tuple[bytes, bytes]


def write_database(path: Path, records: Iterable[KeyedRecord], backend: str, force: bool) -> int:
    """Write records, in the order of their keys, as an LMDB or LevelDB folder; their number.

    Where it can't be finished nothing is left and ``path`` is as it was. NetError where ``path``
    exists and ``force`` is not set, where keys don't increase, or where there is no record.
    """
    library = need(*(("lmdb", "an LMDB") if backend == "lmdb" else ("plyvel", "a LevelDB")))
    with new_folder(path, force) as folder:
        try:
            return _fill(_Lmdb(folder) if backend == "lmdb" else _Level(folder), records)
        except library.Error as error:
            what = f"{os.fspath(path)} can't be written: {error}"
            raise NetError(what, None, "is the disk full?") from None


def _fill(writer: _Writer, records: Iterable[KeyedRecord]) -> int:
    """Put the records in and close the database; their number."""
    count, last = 0, b""
    try:
        for key, value in records:
            if key <= last:
                raise NetError(f"the key {key!r} does not follow {last!r}")
            writer.put(key, value)
            count, last = count + 1, key
        if not count:
            raise NetError("there is no record to write")
    finally:
        writer.close()
    return count


@contextmanager
def new_folder(path: Path, force: bool) -> Iterator[Path]:
    """A folder to fill, which becomes ``path`` at the end; where the block raises nothing is left.

    NetError where ``path`` exists and ``force`` is not set, or where it can't be made.
    """
    target = Path(os.path.abspath(path))
    if os.path.lexists(target) and not force:
        raise NetError(f"{os.fspath(path)} exists already", None, "give --force to replace it")
    temporary = target.with_name(f".{target.name[:80]}.{secrets.token_hex(4)}")
    try:
        temporary.mkdir()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NetError(f"{os.fspath(path)} can't be made: {reason}") from None
    try:
        yield temporary
        _replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace(temporary: Path, target: Path) -> None:
    """Put a finished folder into its place; what stood there goes once the new one stands."""
    for file in temporary.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
    if not os.path.lexists(target):
        temporary.rename(target)
        return
    old = temporary.with_name(f"{temporary.name}.old")
    target.rename(old)
    try:
        temporary.rename(target)
    except BaseException:
        old.rename(target)
        raise
    if old.is_dir() and not old.is_symlink():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink()


class _Writer(Protocol):
    def put(self, key: bytes, value: bytes) -> None: ...

    def close(self) -> None: ...


class _Lmdb:
    """An LMDB of full pages, whose map grows as it must. Source: LMDBTransaction::Commit."""

    def __init__(self, folder: Path) -> None:
        self._lmdb = need("lmdb", "an LMDB")
        path = os.fspath(folder)
        self._environment: Any = self._lmdb.open(path, map_size=_FIRST_MAP, lock=False, sync=False)
        self._map = _FIRST_MAP
        self._waiting: list[KeyedRecord] = []

    def put(self, key: bytes, value: bytes) -> None:
        self._waiting.append((key, value))
        if len(self._waiting) >= _TOGETHER:
            self._commit()

    def _commit(self) -> None:
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, value in self._waiting:
                        transaction.put(key, value, append=True)
            except self._lmdb.MapFullError:
                self._map *= 2
                self._environment.set_mapsize(self._map)
                continue
            self._waiting.clear()
            return

    def close(self) -> None:
        try:
            self._commit()
        finally:
            self._environment.close()


class _Level:
    """A LevelDB with Caffe's block and buffer sizes. Source: LevelDB::Open."""

    def __init__(self, folder: Path) -> None:
        plyvel = need("plyvel", "a LevelDB")
        self._folder = folder
        self._database: Any = plyvel.DB(
            os.fspath(folder), create_if_missing=True, block_size=1 << 16, write_buffer_size=1 << 28
        )

    def put(self, key: bytes, value: bytes) -> None:
        self._database.put(key, value)

    def close(self) -> None:
        self._database.close()
        for name in ("LOG", "LOG.old", "LOCK"):
            with suppress(OSError):
                (self._folder / name).unlink()
