"""LMDB and LevelDB databases, read in the order of their keys without being changed."""

from __future__ import annotations

import os
from pathlib import Path

from protonet.data.level_reader import LevelReader
from protonet.data.lmdb_reader import LmdbReader
from protonet.data.records import Reader
from protonet.diagnostics import NetError


def open_reader(path: Path, backend: str) -> Reader:
    """A cursor over the database at a path, ``backend`` "lmdb" or "leveldb"."""
    if backend == "leveldb":
        return LevelReader(path)
    _refuse_other(path)
    return LmdbReader(path)


def _refuse_other(path: Path) -> None:
    """NetError where a path holds no LMDB."""
    if path.is_file() or (path / "data.mdb").exists():
        return
    hint = "an LMDB is a folder with a data.mdb"
    if (path / "CURRENT").exists():
        hint = "this is a LevelDB: give data_param { backend: LEVELDB }"
    raise NetError(f"{os.fspath(path)} is no LMDB", None, hint)


def backend_of(path: Path) -> str:
    """Which of the two a folder holds, by its files. NetError where it is neither."""
    if os.path.exists(path / "CURRENT"):
        return "leveldb"
    if os.path.exists(path / "data.mdb") or os.path.isfile(path):
        return "lmdb"
    what = "is no LMDB and no LevelDB" if os.path.exists(path) else "does not exist"
    raise NetError(f"{os.fspath(path)} {what}")
