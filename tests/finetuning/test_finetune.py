"""`protonet finetune`: a LeNet learns other classes, and every file that it leaves works alone."""

from __future__ import annotations

import os
import re
import shlex
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from digit_folders import WORDS, ZOO, write_digits

import protonet
from protonet.cli import group
from protonet.diagnostics import NetError
from protonet.training.log import CaffeLog

DEPLOY = ZOO / "lenet" / "deploy.prototxt"
TRAIN_VAL = ZOO / "lenet" / "train_val.prototxt"
CHOSEN = (3, 5, 6, 8, 9)


def run(*arguments, code=0):
    """A command in this process: what it printed, or the error that it raised."""
    done = CliRunner().invoke(group, [str(a) for a in arguments], standalone_mode=False)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert (done.return_value or 0) == code, done.output
    return done


def finetune(*arguments, code=0):
    return run("finetune", *arguments, code=code)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_digits(tmp_path / "digits", CHOSEN, 30)
    return tmp_path


def listed(path):
    return [line.rsplit(" ", 1) for line in Path(path).read_text().splitlines()]


@pytest.mark.usefixtures("folder")
def test_it_learns_and_leaves_what_works_alone(lenet):
    options = ["--weights", lenet, "--data", "digits", "--scale", 1 / 256, "--mean", 0]
    said = finetune(DEPLOY, *options, "--iterations", 40, "--batch", 20, "--encode").stderr
    made = Path("finetune_digits")
    classes = sorted(WORDS[digit] for digit in CHOSEN)
    assert (made / "labels.txt").read_text().splitlines() == classes
    train, val = listed(made / "train.txt"), listed(made / "val.txt")
    assert [name for name, _ in val] == sorted(
        str(p.relative_to("digits")) for p in Path("digits").rglob("*.png")
    )[4::5]
    assert all(classes[int(label)] == name.split("/")[0] for name, label in train + val)
    assert train != sorted(train)

    # The net and its weights, on the images that were held out, without a word of ours.
    weights = made / "solver_iter_40.caffemodel"
    net = protonet.compile(made / "deploy.prototxt", weights=weights)
    images = [cv2.imread(f"digits/{name}", cv2.IMREAD_GRAYSCALE) for name, _ in val]
    with torch.no_grad():
        scores = net(torch.tensor(np.stack(images)[:, None] / 256, dtype=torch.float32))
    hits = scores.argmax(1).numpy() == [int(label) for _, label in val]
    chance = 1 / len(classes)
    assert hits.mean() > 3.5 * chance
    last = re.findall(r"iteration 40: accuracy ([\d.]+)", said)
    assert float(last[0]) == pytest.approx(hits.mean(), abs=1e-4)

    assert (made / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "Iteration 39 (" in (made / "train.log").read_text()
    use = shlex.split(re.search(r"use it +(.*)", said)[1])
    use[use.index("IMAGE")] = f"digits/{val[0][0]}"
    assert re.search(rf"^ +[01]\.\d+ +({'|'.join(classes)})$", run(*use[1:]).stdout, re.MULTILINE)


@pytest.mark.usefixtures("folder")
def test_the_folder_trains_again_as_it_is_and_is_not_written_over(lenet, monkeypatch):
    options = ["--weights", lenet, "--data", "digits", "-o", "out/tuned", "--iterations", 6]
    with pytest.raises(NetError, match="there is no folder 'out'"):
        finetune(TRAIN_VAL, *options)
    Path("out").mkdir()
    finetune(TRAIN_VAL, *options)
    weights = Path("out/tuned/solver_iter_6.caffemodel").read_bytes()
    with pytest.raises(NetError, match="out/tuned exists already") as caught:
        finetune(TRAIN_VAL, *options)
    assert "--resume out/tuned" in caught.value.hint
    with pytest.raises(NetError, match="has trained to its end, max_iter 6"):
        finetune("--resume", "out/tuned")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")  # paths are the folder's own
    run("train", "../out/tuned/solver.prototxt", "--log", "none")
    assert Path("../out/tuned/solver_iter_6.caffemodel").read_bytes() == weights


@pytest.mark.usefixtures("folder")
def test_interrupted_it_goes_on_to_the_same_weights(lenet, monkeypatch):
    options = ["--weights", lenet, "--data", "digits", "--iterations", 10, "--batch", 8]
    finetune(TRAIN_VAL, *options, "-o", "whole")
    rated = CaffeLog.rated

    def interrupted(self, iteration, rate):
        rated(self, iteration, rate)
        if iteration == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(CaffeLog, "rated", interrupted)
        stopped = CliRunner().invoke(group, ["finetune", str(TRAIN_VAL), *map(str, options)])
    assert stopped.exit_code == 130
    assert "stopped     at iteration 5: " in stopped.stderr
    assert "protonet finetune --resume finetune_digits" in stopped.stderr
    assert not Path("finetune_digits/curves.png").exists()
    assert "iteration 10: accuracy" in finetune("--resume", "finetune_digits").stderr
    names = [f"{name}/solver_iter_10.caffemodel" for name in ("whole", "finetune_digits")]
    one, other = (protonet.read_blobs(name) for name in names)
    for layer, blobs in one.items():
        for blob, same in zip(blobs, other[layer], strict=True):
            np.testing.assert_array_equal(blob, same)


@pytest.mark.usefixtures("folder")
def test_what_is_frozen_stays(lenet):
    options = ["--weights", lenet, "--data", "digits", "--freeze", "pool2", "--iterations", 3]
    finetune(TRAIN_VAL, *options, "-o", "tuned")
    before = protonet.read_blobs(lenet)
    after = protonet.read_blobs("tuned/solver_iter_3.caffemodel")
    for layer in ("conv1", "conv2"):
        for old, new in zip(before[layer], after[layer], strict=True):
            np.testing.assert_array_equal(old, new)
    assert not np.array_equal(before["ip1"][0], after["ip1"][0])
    assert after["ip2_digits"][0].shape == (len(CHOSEN), 500)
    assert "ip2" not in after


def test_a_few_images_and_weights_of_pytorchs(tmp_path, lenet, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_digits(tmp_path / "few", (1, 2), 2)
    write_digits(tmp_path / "tests", (1,), 3)
    run("convert", lenet, "--prototxt", DEPLOY, "-o", "lenet.safetensors")
    options = ["--weights", "lenet.safetensors", "--data", "few", "--iterations", 2]
    said = finetune(DEPLOY, *options, "--val", "tests").stderr
    assert "train_lmdb  4 images of 28x28" in said
    assert "val_lmdb    3 images of 28x28, all of --val" in said
    held = finetune(DEPLOY, *options, "-o", "other").stderr
    assert "val_lmdb    1 image of 28x28, held out" in held
    # The mean was measured, and nothing else is known of a deploy net's images.
    pixels = [cv2.imread(f"few/{name}", 0).mean() for name, _ in listed("finetune_few/train.txt")]
    found = re.search(r"mean ([\d.]+) \(of your images\)", said)
    assert float(found[1]) == pytest.approx(np.mean(pixels), abs=1e-2)
    assert "--mean and --scale" in said


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (["--freeze", "pol2"], "no blob 'pol2'", "did you mean 'pool2'"),
        (["--freeze", "prob"], "comes after layer 'ip2'", "before it"),
        (["--last", "ip3"], "does not end in a layer 'ip3'", "did you mean 'ip2'"),
        (["--resize", "20"], "20x20 are smaller than the net's 28x28", "larger"),
        (["--mean", "1,2,3"], "the net takes 1 channels", None),
        (["--data", "digits/six"], "has no class folders", "cats/1.jpg"),
        (["--data", "empty"], "class folder empty/b holds no image", "take the folder out"),
        (["--data", "one"], "has one class folder, 'six'", "two classes"),
        (["--val", "one/six"], "has no class folders", None),
        (["--val", "strange"], "sixx is no class of the training's", "did you mean 'six'"),
        (["--weights", "no.caffemodel"], "no.caffemodel can't be read", None),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_made(folder, lenet, options, message, hint):
    write_digits(folder / "one", (6,), 1)
    for name in ("empty/a/1.png", "empty/b/1.txt", "strange/sixx/1.png"):
        Path(name).parent.mkdir(parents=True)
        Path(name).write_bytes(b"")
    before = sorted(Path().iterdir())
    with pytest.raises(NetError, match=message) as caught:
        finetune(DEPLOY, "--weights", lenet, "--data", "digits", *options)
    assert (hint or "") in (caught.value.hint or "")
    assert sorted(Path().iterdir()) == before


@pytest.mark.usefixtures("folder")
def test_an_image_that_is_none_leaves_nothing(lenet):
    Path("digits/six/000.png").write_bytes(b"no image")
    before = sorted(Path().iterdir())
    with pytest.raises(NetError, match=r"digits/six/000.png can't be taken"):
        finetune(DEPLOY, "--weights", lenet, "--data", "digits")
    assert sorted(Path().iterdir()) == before


@pytest.mark.usefixtures("folder")
def test_the_commands_own_mistakes():
    for arguments in ([], ["net.prototxt"], ["--resume", "x", "--weights", "y"]):
        assert CliRunner().invoke(group, ["finetune", *arguments]).exit_code == 2
    with pytest.raises(NetError, match="no folder that `protonet finetune` made"):
        finetune("--resume", "digits")
