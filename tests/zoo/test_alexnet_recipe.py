"""AlexNet's recipe: the commands of its README, as they stand there, on photographs.

The photographs are pieces of the one that matplotlib ships; only the inner products are made
narrower, whose 230 MB say nothing about the recipe.
"""

from __future__ import annotations

import csv
import itertools
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from matplotlib import cbook

import protonet
from protonet.cli import group
from protonet.weights.mean import read_mean
from protonet.zoo.catalogue import files, folder

cv2 = pytest.importorskip("cv2")
# Height and width of the pieces: upright, across, square, smaller than 256.
PIECES = ((400, 300), (280, 500), (300, 300), (200, 240))


def run(*arguments):
    result = CliRunner().invoke(group, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def commands():
    """The README's commands, as lists of words."""
    text = (folder() / "alexnet" / "README.md").read_text(encoding="utf-8")
    shown = "".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL)).replace("\\\n", "")
    return [shlex.split(line)[2:] for line in shown.splitlines()]


def prepared(image):
    """Section 2 of the paper: the shorter side to 256, then the central 256x256."""
    height, width = image.shape[:2]
    scale = 256 / min(height, width)
    image = cv2.resize(image, (round(width * scale), round(height * scale)))
    top, left = (image.shape[0] - 256) // 2, (image.shape[1] - 256) // 2
    return image[top : top + 256, left : left + 256].transpose(2, 0, 1)


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """The folder after the README's data commands, what they printed, the prepared photographs."""
    where = tmp_path_factory.mktemp("alexnet")
    for name, text in files("alexnet").items():
        (where / name).write_text(text.replace("num_output: 4096", "num_output: 32"))
    (where / "photos").mkdir()
    hopper = cv2.imread(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    images = [hopper[:height, -width:] for height, width in PIECES]
    for n, image in enumerate(images):
        cv2.imwrite(str(where / "photos" / f"{n}.png"), image)
    lists = "".join(f"{n}.png {n}\n" for n in range(len(images)))
    for name in ("train.txt", "val.txt"):
        (where / name).write_text(lists)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        *data, _ = commands()
        printed = [run(*words) for words in data]
    # The README: put the message into the TRAIN phase's transform_param.
    noise = printed[-1][printed[-1].index("color_noise") :]
    net = (where / "train_val.prototxt").read_text()
    net = net.replace("mirror: true", f"mirror: true {noise}")
    net = net.replace("batch_size: 256", "batch_size: 4").replace("batch_size: 50", "batch_size: 4")
    (where / "train_val.prototxt").write_text(net)
    return where, noise, [prepared(image).astype(float) for image in images]


def test_the_mean_and_the_components_are_those_of_the_photographs(followed, monkeypatch):
    where, noise, images = followed
    monkeypatch.chdir(where)
    mean = read_mean("imagenet_mean.binaryproto").reshape(3, 256, 256)
    np.testing.assert_allclose(mean, np.mean(images, axis=0), rtol=1e-5)
    numbers = {
        field: np.array(re.findall(rf"{field}: (\S+)", noise), float)
        for field in ("sigma", "deviation", "component")
    }
    assert numbers["sigma"] == 0.1
    pixels = np.concatenate([image.reshape(3, -1) for image in images], axis=1)
    variances, axes = np.linalg.eigh(np.cov(pixels, bias=True))
    np.testing.assert_allclose(numbers["deviation"], np.sqrt(variances[::-1]), rtol=1e-3)
    found = numbers["component"].reshape(3, 3) @ axes[:, ::-1]
    np.testing.assert_allclose(np.abs(found), np.eye(3), atol=1e-3)


def place(image, crop):
    """Where in an image a crop comes from, up to a shift of its colours: top, left, mirrored."""
    for top, left, mirrored in itertools.product(range(30), range(30), (False, True)):
        seen = crop[:, :4, ::-37] if mirrored else crop[:, :4, ::37]
        shift = image[:, top : top + 4, left : left + 227 : 37] - seen
        if np.ptp(shift, axis=(1, 2)).max() < 0.01:
            return top, left, mirrored
    raise AssertionError("the crop is none of the image")


def test_training_sees_crops_mirrors_and_colours_that_move(followed, monkeypatch):
    where, noise, images = followed
    monkeypatch.chdir(where)
    mean = np.mean(images, axis=0)
    axes = np.array(re.findall(r"component: (\S+)", noise), float).reshape(3, 3)
    deviations = np.array(re.findall(r"deviation: (\S+)", noise), float)
    places, draws = set(), []
    with protonet.batches("train_val.prototxt", seed=3) as feed:
        for _ in range(3):
            batch = next(feed)
            for crop, label in zip(batch["data"].double().numpy(), batch["label"], strict=True):
                image = images[int(label)] - mean
                top, left, mirrored = place(image, crop)
                places.add((top, left, mirrored))
                seen = crop[:, :, ::-1] if mirrored else crop
                shift = seen - image[:, top : top + 227, left : left + 227]
                assert np.ptp(shift, axis=(1, 2)).max() < 0.01
                draws.append(axes @ shift.mean((1, 2)) / deviations)
    assert len(places) > 9
    assert {mirrored for *_, mirrored in places} == {False, True}
    # 36 draws of a normal distribution of deviation 0.1: between these with odds of 10,000 to 1.
    assert 0.057 < np.std(draws) < 0.15


def test_it_trains_and_answers_over_ten_crops(followed, monkeypatch):
    where, _, images = followed
    monkeypatch.chdir(where)
    solver = (where / "solver.prototxt").read_text()
    solver = re.sub(r"(max_iter|test_iter): \d+", r"\1: 1", solver)
    (where / "solver.prototxt").write_text(solver)
    run("train", "solver.prototxt", "--log", "none")
    weights = "alexnet_iter_1.caffemodel"
    printed = run(*[weights if word == "NET.caffemodel" else word for word in commands()[-1]])
    assert len(printed.splitlines()) == 1 + 5 * len(images)
    net = protonet.compile("deploy.prototxt", weights=weights, shapes={"data": (10, 3, 227, 227)})
    image = images[0] - np.mean(images, axis=0)
    corners = [(0, 0), (0, 29), (29, 0), (29, 29), (14, 14)]
    crops = [image[:, y : y + 227, x : x + 227] for y, x in corners]
    with torch.no_grad():
        views = np.stack([*crops, *(crop[:, :, ::-1] for crop in crops)])
        scores = net(torch.from_numpy(views.astype(np.float32))).mean(0)
    best = scores.argsort(descending=True)[:5].tolist()
    first = next(csv.DictReader(printed.splitlines()))
    assert (first["image"], first["class"]) == (str(Path("photos/0.png")), str(best[0]))
    assert float(first["score"]) == pytest.approx(float(scores[best[0]]), rel=1e-4)
