"""The kinds of files with data that protonet reads: files to damage, and what reads them."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import h5py
import lmdb
import numpy as np
import plyvel
from binary_damage import with_log_sums, with_png_sums, with_table_sums
from binary_kinds import GOLDEN, KINDS, Kind, kind

from protonet.api import read
from protonet.data import open_feeds
from protonet.data.databases import open_reader
from protonet.data.datum import parse_datum, pixels
from protonet.data.digits import cifar_records, mnist_records
from protonet.data.image_list import read_list
from protonet.data.mean_image import all_records
from protonet.data.survey import survey
from protonet.data.window_file import read_windows
from protonet.diagnostics import NetError
from protonet.schema.pool import message_class
from protonet.schema.select import select

_DRAW = np.random.RandomState(1)


def _hdf5_data(folder: Path) -> None:
    for name, options in (("a.h5", {}), ("b.h5", {"chunks": (3, 2), "compression": "gzip"})):
        with h5py.File(folder / name, "w", libver="latest" if options else "earliest") as file:
            file.create_dataset("data", data=_DRAW.randn(7, 5).astype("f4"), **options)
            file.create_dataset("label", data=np.arange(7.0))


def batches_of(net: str, count: int = 3) -> None:
    (feed,) = open_feeds(select(read(net), "TRAIN"), "TRAIN", seed=1)
    with closing(feed):
        for _ in range(count):
            next(feed)


@kind("hdf5 data", _hdf5_data)
def _read_hdf5_data(path: Path) -> None:
    path.with_name("list.txt").write_text(f"{path}\n", encoding="utf-8")
    layer = 'layer { name: "d" type: "HDF5Data" top: "data" top: "label" hdf5_data_param { source: '
    batches_of(f'{layer}"{path.with_name("list.txt")}" batch_size: 3 }} }}')


def _datum(label: int, height: int = 6, **fields: Any) -> bytes:
    made = message_class("Datum")(channels=3, height=height, width=5, label=label, **fields)
    data: bytes = made.SerializeToString()
    return data


def _records() -> dict[bytes, bytes]:
    encoded = cv2.imencode(".png", _DRAW.randint(0, 255, (6, 5, 3)).astype(np.uint8))[1].tobytes()
    made = {b"%05d" % i: _datum(i, data=_DRAW.bytes(90)) for i in range(150)}
    made |= {b"big%d" % i: _datum(i, 600, data=_DRAW.bytes(9000)) for i in range(3)}
    made[b"floats"] = _datum(1, float_data=_DRAW.randn(90).tolist())
    made[b"png"] = _datum(2, data=encoded, encoded=True)
    return made


def _lmdbs(folder: Path) -> None:
    for name, records in (("a", _records()), ("b", {b"k": _datum(1, 600, data=bytes(9000))})):
        environment = lmdb.open(str(folder / "made"), map_size=1 << 22)
        with environment, environment.begin(write=True) as transaction:
            for key, value in records.items():
                transaction.put(key, value)
        shutil.move(folder / "made" / "data.mdb", folder / name)
        shutil.rmtree(folder / "made")


def _show(path: Path, backend: str) -> None:
    reader = open_reader(path, backend)
    try:
        survey(all_records(reader), path, 3)
    finally:
        reader.close()


@kind("lmdb", _lmdbs)
def _read_lmdb(path: Path) -> None:
    _show(path, "lmdb")


def _lmdb_locks(folder: Path) -> None:
    (folder / "a").write_bytes(bytes(8192))


@kind("lmdb lock", _lmdb_locks)
def _read_lmdb_lock(path: Path) -> None:
    """The lock is damaged, the data are whole: they are read."""
    database = path.with_name("locked")
    if not database.exists():
        database.mkdir()
        shutil.copy(GOLDEN / "data" / "raw_lmdb" / "data.mdb", database)
    shutil.copy(path, database / "lock.mdb")
    _show(database, "lmdb")


def _level(folder: Path, pattern: str, tables: bool) -> None:
    with plyvel.DB(
        str(folder / "made"), create_if_missing=True, write_buffer_size=9000
    ) as database:
        for key, value in _records().items() if tables else ((b"a", _datum(1, data=bytes(90))),):
            database.put(key, value)
        if tables:
            database.compact_range()
    for number, file in enumerate(sorted((folder / "made").glob(pattern))):
        shutil.copy(file, folder / f"{number}")
    shutil.move(folder / "made", folder / "whole.d")


def _read_level(name: str) -> Callable[[Path], None]:
    def read_one(path: Path) -> None:
        """One of its files is damaged, the others are whole."""
        database = path.with_name("damaged.d")
        shutil.rmtree(database, ignore_errors=True)
        shutil.copytree(path.with_name("whole.d"), database)
        (target, *_) = sorted(database.glob(name))
        shutil.copy(path, target)
        _show(database, "leveldb")

    return read_one


for _name, _pattern, _tables, _whole in (
    ("leveldb table", "*.ldb", True, with_table_sums),
    ("leveldb manifest", "MANIFEST-*", True, with_log_sums),
    ("leveldb log", "*.log", False, with_log_sums),
    ("leveldb current", "CURRENT", True, None),
):
    KINDS[_name] = Kind(
        lambda folder, p=_pattern, t=_tables: _level(folder, p, t), _read_level(_pattern), _whole
    )


def _datums(folder: Path) -> None:
    for number, value in enumerate((*_records().values(),)[-6:]):
        (folder / str(number)).write_bytes(value)


@kind("datum", _datums)
def _read_datum(path: Path) -> None:
    for color in (None, True, False):
        pixels(parse_datum(path.read_bytes()), color)


def _images(folder: Path) -> None:
    picture = _DRAW.randint(0, 255, (67, 71, 3)).astype(np.uint8)
    for suffix in ("jpg", "png", "bmp", "gif", "webp", "ppm", "tiff", "jp2"):
        if cv2.haveImageWriter(f"a.{suffix}"):
            (folder / f"{suffix}.x").write_bytes(cv2.imencode(f".{suffix}", picture)[1].tobytes())


def _whole_image(data: bytes) -> bytes:
    return with_png_sums(data) if data.startswith(b"\x89PNG") else data


@kind("image", _images, _whole_image)
def _read_image(path: Path) -> None:
    path.with_name("list.txt").write_text(f"{path} 3\n", encoding="utf-8")
    layer = 'layer { name: "d" type: "ImageData" top: "data" image_data_param { source: '
    batches_of(f'{layer}"{path.with_name("list.txt")}" batch_size: 1 }} }}', 1)


def _digits(folder: Path) -> None:
    for name, head in (("images", (2051, 5, 28, 28)), ("labels", (2049, 5))):
        data = b"".join(n.to_bytes(4, "big") for n in head) + bytes(int(np.prod(head[1:])))
        (folder / name).write_bytes(gzip.compress(data, mtime=0))
        (folder / f"{name}.raw").write_bytes(data)


@kind("idx", _digits)
def _read_digits(path: Path) -> None:
    """The one that is damaged beside the whole of the other."""
    images, labels = path.with_name("images"), path.with_name("labels")
    try:
        list(mnist_records(path, labels)[1])
    except NetError as error:
        if "begins with 2049" not in error.message:
            raise
        list(mnist_records(images, path)[1])


@kind("cifar", lambda folder: (folder / "a").write_bytes(gzip.compress(bytes(2 * 3073))))
def _read_cifar(path: Path) -> None:
    list(cifar_records([path])[1])


def _lists(folder: Path) -> None:
    (folder / "a").write_text("a b.png 3\nc.jpg 0\n\nd.png\t-1\n" * 3)


@kind("image list", _lists)
def _read_list(path: Path) -> None:
    read_list(path)


def _windows(folder: Path) -> None:
    one = "# {} image{}.png\n3 20 30\n2\n1 0.8 0 0 9 9\n0 0.1 3 4 19 19\n"
    (folder / "a").write_text("".join(one.format(i, i) for i in range(4)))


@kind("window list", _windows)
def _read_windows(path: Path) -> None:
    read_windows(path, 0.5, 0.5)
