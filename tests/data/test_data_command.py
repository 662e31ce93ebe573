"""`protonet data`: images become Caffe's records, means Caffe's means; and what is printed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest
from click.testing import CliRunner
from google.protobuf import text_format

from protonet.cli.data import command
from protonet.diagnostics import NetError
from protonet.schema.pool import message_class


def run(*arguments, code=0):
    done = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def records(path):
    opened = lmdb.open(str(path), readonly=True, lock=False)
    with opened as environment, environment.begin() as transaction:
        return {k: message_class("Datum").FromString(v) for k, v in transaction.cursor()}


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Six smooth images of several sizes and kinds, with their list."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    generator, lines = np.random.RandomState(0), []
    for number, (high, wide) in enumerate(
        [(20, 30), (31, 17), (24, 24), (18, 40), (9, 9), (50, 20)]
    ):
        image = cv2.resize(generator.randint(0, 256, (4, 4, 3)).astype(np.uint8), (wide, high))
        name = f"p{number}.{'jpg' if number % 2 else 'png'}"
        cv2.imwrite(f"photos/{name}", image)
        lines.append(f"{name} {number * 10}")
    Path("list.txt").write_text("\n".join(lines) + "\n")
    return [line.split()[0] for line in lines]


def planes(image):
    return np.atleast_3d(image).transpose(2, 0, 1)


@pytest.mark.parametrize(("options", "flag"), [([], 1), (["--gray"], 0)])
def test_raw_images(photos, options, flag):
    run("images", "photos", "list.txt", "-o", "db", "--resize", "8x6", *options)
    kept = records("db")
    assert list(kept) == [b"%08d_%s" % (i, name.encode()) for i, name in enumerate(photos)]
    for number, (name, datum) in enumerate(zip(photos, kept.values(), strict=True)):
        wanted = planes(cv2.resize(cv2.imread(f"photos/{name}", flag), (6, 8)))
        assert (datum.channels, datum.height, datum.width) == wanted.shape
        assert datum.data == wanted.tobytes()
        assert datum.label == 10 * number
        assert datum.HasField("encoded")
        assert not datum.encoded


def test_encoded_files_are_kept_as_they_are(photos):
    run("images", "photos", "list.txt", "-o", "db", "--encode")
    for name, datum in zip(photos, records("db").values(), strict=True):
        assert datum.data == Path("photos", name).read_bytes()
        assert datum.encoded
        assert not datum.HasField("channels")


@pytest.mark.parametrize("options", [["--resize", "8"], ["--gray"], ["--encode-type", "png"]])
def test_encoded_anew_where_something_changes(photos, options):
    run("images", "photos", "list.txt", "-o", "db", "--encode", *options)
    flag = 0 if "--gray" in options else 1
    for name, datum in zip(photos, records("db").values(), strict=True):
        kind = ".png" if "png" in options else Path(name).suffix
        image = cv2.imread(f"photos/{name}", flag)
        image = cv2.resize(image, (8, 8)) if "--resize" in options else image
        if not (kind == ".png" and name.endswith("png") and "--encode-type" in options):
            assert datum.data == cv2.imencode(kind, image)[1].tobytes()
            assert (datum.channels, datum.height, datum.width) == planes(image).shape
        decoded = cv2.imdecode(np.frombuffer(datum.data, np.uint8), cv2.IMREAD_UNCHANGED)
        assert decoded.shape == image.shape


def test_short_side_and_centre(photos):
    run("images", "photos", "list.txt", "-o", "db", "--short-side", "12", "--center-crop", "12")
    for name, datum in zip(photos, records("db").values(), strict=True):
        image = cv2.imread(f"photos/{name}")
        high, wide = image.shape[:2]
        scale = 12 / min(high, wide)
        image = cv2.resize(image, (round(wide * scale), round(high * scale)))
        top, left = (image.shape[0] - 12) // 2, (image.shape[1] - 12) // 2
        assert datum.data == planes(image[top : top + 12, left : left + 12]).tobytes()


def test_shuffle_keeps_labels_with_their_images(photos):
    run("images", "photos", "list.txt", "-o", "a", "--shuffle", "--resize", "4")
    run("images", "photos", "list.txt", "-o", "b", "--shuffle", "--resize", "4", "--seed", "3")
    names = [[key.split(b"_")[1].decode() for key in records(db)] for db in "ab"]
    assert names[0] != names[1]
    assert sorted(names[0]) == sorted(names[1]) == photos
    for key, datum in records("a").items():
        assert datum.label == 10 * photos.index(key.split(b"_")[1].decode())


@pytest.mark.usefixtures("photos")
def test_broken_images():
    Path("photos/p3.jpg").write_text("no image")
    before = sorted(p.name for p in Path().iterdir())
    with pytest.raises(NetError, match=r"p3.jpg \(line 4 of the list\) can't be taken"):
        run("images", "photos", "list.txt", "-o", "db")
    assert sorted(p.name for p in Path().iterdir()) == before
    done = run("images", "photos", "list.txt", "-o", "db", "--skip-broken")
    assert "5 records" in done.output
    assert "left out: the image photos/p3.jpg (line 4" in done.output
    assert b"00000003_p3.jpg" not in records("db")


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--check-size"], "'p1.jpg' is 3x31x17, and 'p0.png' is 3x20x30"),
        (["--encode-type", "xyz"], "OpenCV can't encode an image as 'xyz'"),
        (["--center-crop", "10"], "it is 9x9, smaller than the centre 10"),
    ],
)
def test_image_mistakes(options, words):
    with pytest.raises(NetError) as caught:
        run("images", "photos", "list.txt", "-o", "db", *options)
    assert words in str(caught.value)
    assert not Path("db").exists()
    run("images", "photos", "list.txt", "-o", "db", "--resize", "0x4", code=2)
    run("images", "photos", "list.txt", "-o", "db", "--resize", "4", "--short-side", "4", code=2)


@pytest.mark.usefixtures("golden_data")
def test_the_mean_is_caffes_to_the_byte(tmp_path):
    done = run("mean", "raw_lmdb", "-o", tmp_path / "mean.binaryproto")
    assert (tmp_path / "mean.binaryproto").read_bytes() == Path("mean.binaryproto").read_bytes()
    images = [
        np.frombuffer(d.data, np.uint8).reshape(d.channels, d.height, d.width)
        for d in records("raw_lmdb").values()
    ]
    wanted = np.mean(images, axis=(0, 2, 3))
    printed = [float(line.split()[1]) for line in done.stdout.splitlines() if "mean_value" in line]
    np.testing.assert_allclose(printed, wanted, rtol=1e-5)


def test_components_are_those_of_the_covariance(photos):
    run("images", "photos", "list.txt", "-o", "db", "--resize", "8", "--encode-type", "png")
    done = run("mean", "db", "--pca")
    field = done.output[done.output.index("color_noise {") :]
    transform = message_class("TransformationParameter")()
    text_format.Parse(field, transform)
    images = [cv2.resize(cv2.imread(f"photos/{name}"), (8, 8)) for name in photos]
    colors = np.concatenate([image.reshape(-1, 3) for image in images]).astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(colors.T, bias=True))
    noise = transform.color_noise
    np.testing.assert_allclose(noise.deviation, np.sqrt(values[::-1]), rtol=1e-4)
    rows = np.array(noise.component).reshape(3, 3)
    np.testing.assert_allclose(np.abs(rows), np.abs(vectors.T[::-1]), atol=1e-4)
    np.testing.assert_allclose(rows @ rows.T, np.eye(3), atol=1e-4)


@pytest.mark.usefixtures("photos")
def test_a_mean_of_different_sizes_is_refused():
    run("images", "photos", "list.txt", "-o", "db")
    with pytest.raises(NetError, match=r"record 1 \(key '00000001_p1.jpg'\) of db"):
        run("mean", "db", "-o", "mean.binaryproto")
    assert not Path("mean.binaryproto").exists()


@pytest.mark.usefixtures("golden_data")
def test_show():
    done = run("show", "encoded_lmdb", "--sheet", "sheet.png", "--first", "2")
    assert "encoded_lmdb: LMDB, 5 records" in done.output
    assert "3x12x10  png" in done.output
    assert "00000001  3x12x10  png  label 1" in done.output
    assert cv2.imread("sheet.png").shape[2] == 3
    assert "LevelDB" in run("show", "raw_leveldb").output
    assert "float" in run("show", "float_lmdb", "--sheet", "float.png").output
    for name, words in (("nowhere", "does not exist"), ("images", "no LMDB and no LevelDB")):
        with pytest.raises(NetError, match=words):
            run("show", name)
    with pytest.raises(NetError, match="no kind of image"):
        run("show", "raw_lmdb", "--sheet", "sheet.what")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a word")
@pytest.mark.parametrize("backend", ["lmdb", "leveldb"])
def test_a_command_that_is_ended_leaves_nothing(tmp_path, backend):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((200, 200, 3), np.uint8))
    (tmp_path / "list.txt").write_text("a.png 0\n" * 100_000)
    before = sorted(p.name for p in tmp_path.iterdir())
    command = [sys.executable, "-m", "protonet", "data", "images", ".", "list.txt", "-o", "db"]
    process = subprocess.Popen([*command, "--backend", backend], cwd=tmp_path)
    while not list(tmp_path.glob(".db.*/*")):
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    assert process.wait(30) == 128 + signal.SIGTERM
    assert sorted(p.name for p in tmp_path.iterdir()) == before
