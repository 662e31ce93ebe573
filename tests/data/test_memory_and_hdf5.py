"""MemoryData from the caller's arrays, HDF5Data's mistakes, and HDF5Output's file."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

import protonet
from protonet.data.hdf5_output import HDF5Writer
from protonet.diagnostics import IgnoredFields, NetError

MEMORY = (
    'layer { name: "m" type: "MemoryData" top: "data" top: "label" memory_data_param '
    "{ batch_size: 2 channels: 1 height: 3 width: 4 } %s }"
)
DATA = np.random.RandomState(0).rand(6, 1, 3, 4).astype(np.float32)


def test_memory(feed_of):
    feed = feed_of(MEMORY % "")
    assert feed.shapes == {"data": (2, 1, 3, 4), "label": (2,)}
    with pytest.raises(NetError, match="it has no data: they are given from Python"):
        next(feed)
    feed.reset(DATA, range(6))
    got = [next(feed) for _ in range(4)]
    assert [batch["label"].tolist() for batch in got] == [[0, 1], [2, 3], [4, 5], [0, 1]]
    np.testing.assert_array_equal(np.concatenate([b["data"] for b in got[:3]]), DATA)


def test_memory_that_caffe_on_spark_fills(feed_of):
    text = MEMORY.replace("batch_size: 2", 'batch_size: 2 source: "db" share_in_parallel: false')
    with pytest.warns(IgnoredFields, match=r"memory_data_param\.source, source_class"):
        feed = feed_of(text % 'source_class: "com.yahoo.ml.caffe.LMDB"')
    with pytest.raises(NetError, match="CaffeOnSpark alone reads its source") as caught:
        next(feed)
    assert "make it a Data layer" in str(caught.value.hint)
    feed.reset(DATA, range(6))
    np.testing.assert_array_equal(next(feed)["data"], DATA[:2])


def test_memory_images_are_transformed(feed_of):
    feed = feed_of(MEMORY % "transform_param { crop_size: 3 scale: 0.5 }")
    with pytest.raises(NetError, match="image 0 can't be taken: it gives 1x3x3"):
        feed.add_images(np.zeros((2, 1, 5, 6), np.uint8), [0, 1])
    feed = feed_of(MEMORY % "transform_param { scale: 0.5 mean_value: 1 }")
    feed.add_images(DATA, range(6))
    np.testing.assert_array_equal(next(feed)["data"], (DATA[:2] - 1) * np.float32(0.5))


def test_memory_through_the_library():
    with protonet.batches(MEMORY % "", memory={"m": (DATA, range(6))}) as batches:
        assert next(batches)["label"].tolist() == [0, 1]
        state = batches.state()
        assert state[0]["position"] == 2
    with pytest.raises(NetError, match="did you mean 'm'"):
        protonet.batches(MEMORY % "", memory={"M": (DATA, range(6))})


@pytest.mark.parametrize(
    ("data", "labels", "words"),
    [
        (DATA[:3], range(3), "3 items are no multiple of batch_size 2"),
        (DATA, range(5), "6 items are given with 5 labels"),
        (DATA[:, :, :2], range(6), "it takes (n, 1, 3, 4)"),
        (DATA[:0], [], "no multiple"),
    ],
)
def test_memory_mistakes(feed_of, data, labels, words):
    with pytest.raises(NetError) as caught:
        feed_of(MEMORY % "").reset(data, labels)
    assert words in str(caught.value)


HDF5 = (
    'layer { name: "d" type: "HDF5Data" top: "x" top: "y" hdf5_data_param '
    '{ source: "list.txt" batch_size: %d %s } }'
)


@pytest.fixture
def hdf5(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, rows in (("a.h5", range(5)), ("b.h5", range(5, 8))):
        with h5py.File(name, "w") as file:
            file["x"] = np.array([[row, row] for row in rows], np.int32)
            file["y"] = np.array(rows, np.float64)
    Path("list.txt").write_text("a.h5\nb.h5\n")


@pytest.mark.usefixtures("hdf5")
def test_hdf5_shuffles_rows_within_shuffled_files(feed_of):
    feed = feed_of(HDF5 % (8, "shuffle: true"), "TRAIN", seed=1)
    firsts = set()
    for _ in range(20):
        rows = next(feed)["y"].tolist()
        assert sorted(rows) == list(range(8))
        small = [row < 5 for row in rows]
        assert small in ([True] * 5 + [False] * 3, [False] * 3 + [True] * 5)
        firsts.add(rows[0])
    assert len(firsts) > 4


@pytest.mark.usefixtures("hdf5")
def test_hdf5_positions_and_ranks(feed_of):
    feeds = [
        feed_of(HDF5 % (3, "shuffle: true"), "TRAIN", seed=1, rank=r, world=2) for r in range(2)
    ]
    alone = feed_of(HDF5 % (6, "shuffle: true"), "TRAIN", seed=1)
    for _ in range(5):
        pairs = zip(*(next(feed)["y"].tolist() for feed in feeds), strict=True)
        assert [y for pair in pairs for y in pair] == next(alone)["y"].tolist()
    state = json.loads(json.dumps(alone.state()))
    wanted = [next(alone)["y"].tolist() for _ in range(6)]
    other = feed_of(HDF5 % (6, "shuffle: true"), "TRAIN", seed=77)
    other.restore(state)
    assert [next(other)["y"].tolist() for _ in range(6)] == wanted


def without_y():
    with h5py.File("b.h5", "a") as file:
        del file["y"]


def with_y(values):
    without_y()
    with h5py.File("b.h5", "a") as file:
        file["y"] = values


@pytest.mark.usefixtures("hdf5")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_y, "'b.h5' has no data set 'y'"),
        (lambda: with_y(np.zeros(2)), "they have x 3, y 2"),
        (lambda: with_y(np.zeros((3, 7))), "the shape (7,) in 'b.h5', but () in the file before"),
        (lambda: with_y(np.array([b"a", b"b", b"c"])), "the data set 'y' holds |S1, no numbers"),
        (
            lambda: Path("b.h5").unlink(),
            "line 2 of the list: b.h5 can't be read: no such file or directory",
        ),
        (
            lambda: Path("b.h5").write_text("no"),
            "b.h5 is damaged, or no HDF5 file",
        ),
        (lambda: Path("list.txt").write_text(" \n"), "names no HDF5 file"),
        (lambda: Path("list.txt").write_bytes(b"\x89HDF\xff"), "is no list of HDF5 files"),
        (lambda: Path("list.txt").unlink(), "no file or folder 'list.txt'"),
    ],
)
def test_hdf5_mistakes(feed_of, spoil, words):
    spoil()
    with pytest.raises(NetError) as caught:
        next(feed_of(HDF5 % (6, "")))
    assert words in str(caught.value)
    assert caught.value.span is not None


def test_hdf5_takes_no_transformation(feed_of):
    layer = (HDF5 % (6, "")).replace("hdf5_data_param", "transform_param {} hdf5_data_param", 1)
    with pytest.raises(NetError, match="no transform_param"):
        feed_of(layer)


def test_hdf5_output(tmp_path):
    path = tmp_path / "out.h5"
    with HDF5Writer(path) as writer:
        writer.add(DATA[:4, 0, 0], np.arange(4))
        assert not path.exists()
        writer.add(DATA[4:, 0, 0], np.arange(4, 6))
    with h5py.File(path) as file:
        assert file["data"].shape == (6, 4, 1, 1)
        assert file["data"].dtype == np.float32
        np.testing.assert_array_equal(file["data"][:, :, 0, 0], DATA[:, 0, 0])
        assert file["label"][:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


def add(path, *pairs):
    with HDF5Writer(path) as writer:
        for data, label in pairs:
            writer.add(data, label)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([(DATA, np.zeros(5))], "6 items of data and 5 labels"),
        ([(DATA, np.zeros(6)), (DATA[:, :, 1:], np.zeros(6))], "and now one of"),
        ([(DATA[None], np.zeros(1))], "at most 4 axes"),
    ],
)
def test_hdf5_output_is_whole_or_not_there(tmp_path, pairs, words):
    with pytest.raises(NetError, match=words):
        add(tmp_path / "out.h5", *pairs)
    assert not list(tmp_path.iterdir())
    with pytest.raises(NetError, match="can't be written: no such file"):
        add(tmp_path / "none" / "out.h5")


def test_output_on_a_full_disk_is_an_error_and_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource")  # which Windows has not
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = HDF5Writer(tmp_path / "out.h5")
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            _fill(writer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "out.h5")
    writer.discard()
    assert not list(tmp_path.iterdir())


def _fill(writer):
    for _ in range(100):
        writer.add(np.ones((10, 30)), np.ones(10))
    writer.close()


def test_output_of_a_run_that_failed_is_left_out(tmp_path):
    (tmp_path / "out.h5").write_text("before")
    writer = HDF5Writer(tmp_path / "out.h5")
    writer.add(np.ones((10, 30)), np.ones(10))
    writer.discard()
    assert [p.name for p in tmp_path.iterdir()] == ["out.h5"]
    assert (tmp_path / "out.h5").read_text() == "before"
