"""The commands with --device cuda, as a user gives them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import solved
import torch
from click.testing import CliRunner

from protonet.api import read
from protonet.cli import group
from protonet.weights.caffemodel import write_caffemodel

IMAGES = """name: "means"
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 10 dim: 3 dim: 4 dim: 6 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
        inner_product_param { num_output: 7 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


@pytest.fixture(autouse=True)
def tiny(folder):
    solved.write(folder, "max_iter: 8\ndisplay: 4\ntest_iter: 2\ntest_interval: 4\n", dropout=0)


def run(*arguments):
    done = CliRunner().invoke(group, [str(a) for a in arguments], standalone_mode=False)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert not done.exit_code
    return done.stdout


def test_train_resume_and_test(device):
    told = {}
    for where in ("cpu", device):
        out = run("train", "solver.prototxt", "--device", where, "--log", "json")
        told[where] = [json.loads(line) for line in out.splitlines()]
    for one, other in zip(told["cpu"], told[device], strict=True):
        if one["event"] in ("train", "test"):
            assert other["outputs"] == pytest.approx(one["outputs"], rel=1e-3, abs=1e-4)
    run("train", "solver.prototxt", "--device", device, "--snapshot", "tiny_iter_8.solverstate")
    given = ("net.prototxt", "--weights", "tiny_iter_8.caffemodel", "--iterations", "4")
    scores = [
        [float(x) for x in re.findall(r"= ([\d.]+)", run("test", *given, "--device", where))]
        for where in ("cpu", device)
    ]
    assert len(scores[0]) >= 3
    assert scores[1] == pytest.approx(scores[0], rel=1e-3, abs=1e-4)


def test_a_gpu_by_its_number(gpu):
    run("train", "-solver", "solver.prototxt", "-gpu", gpu.index)
    out = run(
        "test", "-model", "net.prototxt", "-weights", "tiny_iter_8.caffemodel", "-gpu", gpu.index
    )
    assert "accuracy = " in out


def test_time(device):
    out = run("time", "net.prototxt", "--iterations", "3", "--device", device)
    assert re.search(r"^ip1 +InnerProduct +[\d.]+ +[\d.]+$", out, re.MULTILINE)
    assert re.search(rf"mean of 3 iterations, {device}, \S+", out)


def test_compile_and_run(device):
    Path("images.prototxt").write_text(IMAGES)
    out = run("compile", "images.prototxt", "--run", "--batch", "3", "--device", device)
    assert out.startswith("output: 3x7")
    assert re.search(r"forward: [\d.]+ ms \(median of 5, \S+", out)
    if device == "cuda":
        assert torch.cuda.get_device_name() in out


def test_run_on_images(device):
    cv2 = pytest.importorskip("cv2")
    draw = np.random.default_rng(0)
    Path("images.prototxt").write_text(IMAGES)
    blobs = {"fc": [draw.normal(size=(7, 72)) / 500, draw.normal(size=7)]}
    write_caffemodel("images.caffemodel", read("images.prototxt").message, blobs)
    for index in range(3):
        cv2.imwrite(f"{index}.png", draw.integers(0, 256, (9, 13, 3), dtype=np.uint8))
    found = []
    for where in ("cpu", device):
        run(
            *("run", "images.prototxt", "--weights", "images.caffemodel", "--device", where),
            *("--out", "prob.npy", *(f"--image={i}.png" for i in range(3))),
        )
        found.append(np.load("prob.npy"))
    np.testing.assert_allclose(found[1], found[0], atol=1e-4)
    assert found[0].shape == (3, 7)


def test_a_label_beyond_the_classes_ends_without_a_traceback(device):
    # In a process of its own: after it nothing more can be computed on the GPU.
    text = Path("net.prototxt").read_text().replace("num_output: 3", "num_output: 2")
    Path("net.prototxt").write_text(text)
    command = [sys.executable, "-m", "protonet", "train", "solver.prototxt", "--device", device]
    done = subprocess.run(
        [*command, "--log", "none"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "below the number of classes" in done.stderr
