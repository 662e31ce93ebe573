"""MNIST's and CIFAR's files become the records that Caffe's converters write."""

from __future__ import annotations

import gzip
from pathlib import Path

import lmdb
import numpy as np
import plyvel
import pytest
from click.testing import CliRunner

from protonet.cli.data import command
from protonet.diagnostics import NetError
from protonet.schema.pool import message_class

BOX = Path(__file__).parents[2] / "zoo_prototxt" / "data"


def records(path):
    opened = lmdb.open(str(path), readonly=True, lock=False)
    with opened as environment, environment.begin() as transaction:
        return list(transaction.cursor())


def run(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


def write_idx(path, magic, array):
    path.write_bytes(np.array([magic, *array.shape], ">u4").tobytes() + array.tobytes())


@pytest.fixture
def idx(tmp_path):
    generator = np.random.RandomState(0)
    images = generator.randint(0, 256, (1203, 5, 4)).astype(np.uint8)
    labels = generator.randint(0, 10, 1203).astype(np.uint8)
    write_idx(tmp_path / "images", 2051, images)
    write_idx(tmp_path / "labels", 2049, labels)
    return tmp_path, images, labels


def test_mnist(idx):
    folder, images, labels = idx
    (folder / "images").write_bytes(gzip.compress((folder / "images").read_bytes()))
    done = run("mnist", folder / "images", folder / "labels", "-o", folder / "db")
    assert done.exit_code == 0
    assert "1,203 records" in done.output
    assert [p.name for p in (folder / "db").iterdir()] == ["data.mdb"]
    kept = records(folder / "db")
    assert [key for key, _ in kept] == [b"%08d" % i for i in range(1203)]
    for (_, value), image, label in zip(kept, images, labels, strict=True):
        datum = message_class("Datum").FromString(value)
        assert (datum.channels, datum.height, datum.width, datum.label) == (1, 5, 4, label)
        assert datum.data == image.tobytes()
        assert not datum.HasField("encoded")


def test_leveldb(idx):
    folder, images, _ = idx
    run("mnist", folder / "images", folder / "labels", "-o", folder / "db", "--backend", "leveldb")
    database = plyvel.DB(str(folder / "db"))
    values = [message_class("Datum").FromString(value).data for _, value in database]
    database.close()
    assert values == [image.tobytes() for image in images]


def test_cifar(tmp_path):
    generator = np.random.RandomState(0)
    rows = generator.randint(0, 256, (12, 3073)).astype(np.uint8)
    rows[:, 0] %= 10
    for number in (1, 2):
        (tmp_path / f"data_batch_{number}.bin").write_bytes(rows[6 * number - 6 :][:6].tobytes())
    assert run("cifar", tmp_path, "-o", tmp_path / "db").exit_code == 0
    kept = records(tmp_path / "db")
    assert [key for key, _ in kept] == [b"%05d" % i for i in range(12)]
    datums = [message_class("Datum").FromString(value) for _, value in kept]
    assert [d.label for d in datums] == rows[:, 0].tolist()
    assert [d.data for d in datums] == [row[1:].tobytes() for row in rows]


def test_cifar_in_a_frame(tmp_path):
    rows = np.random.RandomState(0).randint(0, 256, (3, 3073)).astype(np.uint8)
    rows[:, 0] %= 10
    (tmp_path / "batch.bin").write_bytes(rows.tobytes())
    assert run("cifar", tmp_path / "batch.bin", "-o", tmp_path / "db", "--pad", "4").exit_code == 0
    for (_, value), row in zip(records(tmp_path / "db"), rows, strict=True):
        datum = message_class("Datum").FromString(value)
        assert (datum.channels, datum.height, datum.width, datum.label) == (3, 40, 40, row[0])
        framed = np.frombuffer(datum.data, np.uint8).reshape(3, 40, 40).copy()
        assert framed[:, 4:-4, 4:-4].tobytes() == row[1:].tobytes()
        framed[:, 4:-4, 4:-4] = 0
        assert not framed.any()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: (p / "labels").write_bytes(b"\0" * 12), "no IDX file of labels"),
        (lambda p: (p / "images").write_bytes((p / "images").read_bytes()[:-1]), "take 24076"),
        (lambda p: write_idx(p / "labels", 2049, np.zeros(3, np.uint8)), "belong together"),
        (lambda p: (p / "images").unlink(), "no such file"),
        (lambda p: (p / "images").write_bytes(b"\x1f\x8bnonsense"), "no whole gzip file"),
        (lambda p: (p / "db").mkdir(), "exists already"),
    ],
)
def test_mistakes_leave_nothing(idx, spoil, words):
    folder, _, _ = idx
    spoil(folder)
    before = sorted(p.name for p in folder.iterdir())
    with pytest.raises(NetError) as caught:
        run("mnist", folder / "images", folder / "labels", "-o", folder / "db")
    assert words in str(caught.value)
    assert sorted(p.name for p in folder.iterdir()) == before


def test_force_replaces(idx):
    folder, _, _ = idx
    (folder / "db").mkdir()
    (folder / "db" / "old").touch()
    run("mnist", folder / "images", folder / "labels", "-o", folder / "db", "--force")
    assert len(records(folder / "db")) == 1203
    assert sorted(p.name for p in folder.iterdir()) == ["db", "images", "labels"]


def test_an_interrupt_leaves_nothing(idx, monkeypatch):
    folder, _, _ = idx
    from protonet.data import digits

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(digits, "datum_of", interrupted)
    before = sorted(p.name for p in folder.iterdir())
    run("mnist", folder / "images", folder / "labels", "-o", folder / "db")
    assert sorted(p.name for p in folder.iterdir()) == before


@pytest.mark.parametrize("backend", ["lmdb", "leveldb"])
def test_a_full_disk_is_one_error_and_leaves_nothing(idx, monkeypatch, backend):
    folder, _, _ = idx
    from protonet.data import writing

    library, kind = {"lmdb": (lmdb, "_Lmdb"), "leveldb": (plyvel, "_Level")}[backend]

    def full(*_):
        raise library.Error("No space left on device")

    monkeypatch.setattr(getattr(writing, kind), "close", full)
    before = sorted(p.name for p in folder.iterdir())
    arguments = ["mnist", folder / "images", folder / "labels", "-o", folder / "db"]
    with pytest.raises(NetError, match="db can't be written: No space left on device"):
        run(*arguments, "--backend", backend)
    assert sorted(p.name for p in folder.iterdir()) == before


@pytest.mark.parametrize(("name", "each"), [("train", 400), ("test", 100)])
def test_the_box_has_as_many_of_each_digit(name, each):
    datums = [message_class("Datum").FromString(v) for _, v in records(BOX / f"mnist_{name}_lmdb")]
    assert np.bincount([d.label for d in datums]).tolist() == [each] * 10
    assert {(d.channels, d.height, d.width, len(d.data)) for d in datums} == {(1, 28, 28, 784)}


def test_the_box_keeps_its_halves_apart():
    halves = [{v for _, v in records(BOX / f"mnist_{name}_lmdb")} for name in ("train", "test")]
    assert not halves[0] & halves[1]
