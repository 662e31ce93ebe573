"""protonet run: images as Caffe's tools prepare them, and what is printed and written."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from protonet.api import read
from protonet.cli import group
from protonet.data.classification import center, fitted_mean, opened, oversample, prepared
from protonet.diagnostics import NetError
from protonet.preparation import Preparation
from protonet.schema.blobs import write_binaryproto
from protonet.weights.caffemodel import write_caffemodel

cv2 = pytest.importorskip("cv2")

NET = """
name: "means"
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 10 dim: 3 dim: 4 dim: 6 } } }
layer { name: "mean" type: "Pooling" bottom: "data" top: "mean"
        pooling_param { pool: AVE global_pooling: true } }
layer { name: "fc" type: "InnerProduct" bottom: "mean" top: "fc"
        inner_product_param { num_output: 7 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    Path("net.prototxt").write_text(NET)
    blobs = {"fc": [draw.normal(size=(7, 3)) / 50, draw.normal(size=7)]}
    write_caffemodel("net.caffemodel", read("net.prototxt").message, blobs)
    Path("photos").mkdir()
    for index, size in enumerate([(4, 6), (9, 13), (5, 5)]):
        cv2.imwrite(f"photos/{index}.png", draw.integers(0, 256, (*size, 3), dtype=np.uint8))
    Path("photos/list.txt").write_text("0.png\n")
    Path("words.txt").write_text("".join(f"n{i} the class {i}\n" for i in range(7)))
    return blobs["fc"]


def run(*arguments):
    command = ["run", "net.prototxt", "--weights", "net.caffemodel", *arguments]
    result = CliRunner().invoke(group, command)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def wanted(image, weights, mean=(0, 0, 0), scale=1):
    """The net in numpy, on an image of OpenCV's."""
    values = (image.astype(float) - mean) * scale
    return softmax(values.mean((0, 1)) @ weights[0].T + weights[1])


def test_the_best_classes_of_a_folder(folder):
    mean = (104.0, 117.0, 123.0)
    done = run("--image", "photos", "--mean", "104,117,123", "--scale", "0.5", "--labels",
               "words.txt", "--top", "3")  # fmt: skip
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert len(rows) == 3 * 3
    for index in range(3):
        image = cv2.imread(f"photos/{index}.png")
        image = cv2.resize(image, (6, 4))
        scores = wanted(image, folder, mean, 0.5)
        order = (-scores).argsort()
        for rank, row in enumerate(rows[3 * index : 3 * index + 3]):
            best = order[rank]
            assert (row["image"], row["rank"]) == (f"photos/{index}.png", str(rank + 1))
            assert (row["class"], row["label"]) == (str(best), f"n{best} the class {best}")
            assert float(row["score"]) == pytest.approx(scores[best], rel=1e-4)
    alone = run("photos/2.png", "--mean", "104,117,123", "--scale", "0.5", "--labels", "words.txt",
                "--top", "2").stdout  # fmt: skip
    lines = [f"  {scores[best]:.4f}  n{best} the class {best}" for best in order[:2]]
    assert alone.splitlines() == ["photos/2.png", *lines]


@pytest.mark.usefixtures("folder")
def test_features_are_written():
    done = run("--image", "photos", "--blob", "mean", "--out", "mean.npy", "--batch", "2")
    assert done.stderr.splitlines()[1:] == ["mean.npy: mean of 3 images, 3x3x1x1"]
    features = np.load("mean.npy")
    images = [cv2.resize(cv2.imread(f"photos/{i}.png"), (6, 4)) for i in range(3)]
    np.testing.assert_allclose(features[..., 0, 0], [i.mean((0, 1)) for i in images], rtol=1e-5)


@pytest.mark.usefixtures("folder")
def test_a_layer_that_writes_is_named():
    writer = (
        'layer { name: "kept" type: "MatWrite" bottom: "mean" mat_write_param { prefix: "m/" } }'
    )
    Path("net.prototxt").write_text(NET + writer)
    result = run("photos/0.png")
    assert "not written: the files of kept (MatWrite); `protonet test` writes them" in result.stderr
    assert not Path("m").exists()


def test_ten_crops_are_averaged(folder):
    done = run("--image", "photos/1.png", "--ten-crop", "--resize", "8x9", "--top", "1")
    image = cv2.resize(cv2.imread("photos/1.png"), (9, 8))
    crops = [image[y : y + 4, x : x + 6] for y in (0, 4) for x in (0, 3)] + [image[2:6, 1:7]]
    scores = np.mean([wanted(crop, folder) for crop in crops * 2], axis=0)
    assert done.stdout.splitlines()[1] == f"  {scores.max():.4f}  class {scores.argmax()}"


def test_crops_of_the_centre_lose_the_mean_of_their_place(folder):
    mean = np.random.default_rng(4).uniform(0, 255, (3, 8, 8)).astype(np.float32)
    np.save("mean.npy", mean)
    done = run("--image", "photos/1.png", "--short-side", "8", "--ten-crop", "--mean", "mean.npy",
               "--top", "1")  # fmt: skip
    image = cv2.resize(cv2.imread("photos/1.png"), (12, 8))[:, 2:10]  # 9x13 before
    image = image - mean.transpose(1, 2, 0)
    crops = [image[y : y + 4, x : x + 6] for y in (0, 4) for x in (0, 2)] + [image[2:6, 1:7]]
    scores = np.mean([wanted(crop, folder) for crop in crops * 2], axis=0)
    assert done.stdout.splitlines()[1] == f"  {scores.max():.4f}  class {scores.argmax()}"


def test_the_order_of_the_crops():
    image = np.arange(8 * 9 * 3).reshape(8, 9, 3)
    crops = oversample(image, 4, 6)
    corners = [image[:4, :6], image[:4, 3:], image[4:, :6], image[4:, 3:], image[2:6, 1:7]]
    np.testing.assert_array_equal(crops, [*corners, *(c[:, ::-1] for c in corners)])
    np.testing.assert_array_equal(center(image, 4, 6)[0], corners[4])


def taken(path, facts):
    return prepared(opened(path, facts), facts)


def test_an_image_becomes_planes(tmp_path):
    path = tmp_path / "i.png"
    pixels = np.random.default_rng(1).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    cv2.imwrite(str(path), pixels)
    planes = pixels.transpose(2, 0, 1).astype(np.float32)
    np.testing.assert_array_equal(taken(path, Preparation(3, 4, 6)), planes[None])
    mean = np.random.default_rng(2).uniform(0, 255, (3, 4, 6)).astype(np.float32)
    facts = Preparation(3, 4, 6, mean=mean, scale=0.5, raw_scale=1, rgb=True)
    given = taken(path, facts)
    expected = (planes[::-1] / 255 - mean) * 0.5
    np.testing.assert_allclose(given[0], expected, rtol=1e-5, atol=1e-5)
    gray = taken(path, Preparation(1, 4, 6))[0, 0]
    np.testing.assert_array_equal(gray, cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


@pytest.mark.usefixtures("folder")
def test_a_mean_file_of_another_size_gives_the_channels_means():
    mean = np.random.default_rng(3).uniform(0, 255, (1, 3, 9, 9)).astype(np.float32)
    write_binaryproto("mean.binaryproto", mean)
    np.save("mean.npy", mean[0])
    values = mean.mean((0, 2, 3))
    np.testing.assert_allclose(fitted_mean(mean, 3, [(4, 6)], "m"), values, rtol=1e-6)
    plain = ",".join(str(v) for v in values)
    given = [run("--image", "photos/0.png", "--mean", m).stdout
             for m in ("mean.binaryproto", "mean.npy", plain)]  # fmt: skip
    assert given[0] == given[1] == given[2]
    exact = fitted_mean(mean[:, :, :4, :6], 3, [(4, 6)], "m")
    np.testing.assert_array_equal(exact, mean[0, :, :4, :6])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--image", "photos/list.txt"], "list.txt is no image that can be read"),
        (["--image", "none.png"], "none.png is no image .* no such file"),
        (["--image", "."], "holds no image"),
        (["--image", "photos", "--mean", "1,2"], "the net's images have 3 channels"),
        (["--image", "photos", "--mean", "none.npy"], "none.npy can't be read"),
        (["--image", "photos", "--blob", "fc8"], "no blob 'fc8'"),
        (["--image", "photos", "--labels", "photos/list.txt"], "names 1 class, but the net has 7"),
        (["--image", "photos", "--resize", "3", "--ten-crop"], "smaller than the net's 4x6"),
        (["--image", "photos", "--short-side", "5"], "5x5 are smaller than the net's 4x6"),
    ],
)
def test_what_is_wrong_is_told(arguments, message):
    with pytest.raises(NetError, match=message):
        run(*arguments)


@pytest.mark.usefixtures("folder")
def test_a_wrong_command_is_told():
    assert run("--image", "photos", "--out", "features.txt").exit_code == 2
    assert run("--image", "photos", "--resize", "0x3").exit_code == 2
    assert run("--image", "photos", "--resize", "9", "--short-side", "9").exit_code == 2
    assert run().exit_code == 2
