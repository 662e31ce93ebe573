"""What README.md and CONTRIBUTING.md show is run here as it stands."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import protonet
from protonet.cli import group
from protonet.layers import REGISTRY
from protonet.layers.python import MAPPED
from protonet.schema import pool

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(text, language):
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return ["\n".join(s[len(i) :] for s in block.split("\n")) for i, block in found]


def test_the_prototxt_becomes_the_python_beside_it():
    (prototxt,) = blocks(README, "protobuf")
    assert blocks(README, "python")[0].strip() in protonet.emit(prototxt)


def test_the_library_examples_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    namespace = {}
    for block in blocks(README, "python")[1:]:
        exec(compile(block, "README.md", "exec"), namespace)
    assert namespace["problems"] == []
    assert MAPPED.pop("rpn.proposal_layer.ProposalLayer")
    assert namespace["probabilities"].shape == (8, 10)


def test_every_command_shown_is_there(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    zoo = ROOT / "zoo_prototxt"
    shutil.copy(zoo / "lenet" / "deploy.prototxt", "net.prototxt")
    shutil.copy(zoo / "alexnet" / "train_val.prototxt", "train_val.prototxt")
    solver = 'net: "net.prototxt" base_lr: 0.01 lr_policy: "fixed" max_iter: 9\n'
    Path("solver.prototxt").write_text(solver)
    shown = re.findall(r"^\$ protonet (.*)$", blocks(README, "console")[2], re.MULTILINE)
    assert len(shown) == 14
    for line in shown:
        arguments = line.partition("#")[0].split()
        command = [sys.executable, "-m", "protonet", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stderr}"


def test_the_training_commands_are_there(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shown = re.findall(r"^\$ protonet (.*)$", blocks(README, "console")[4], re.MULTILINE)
    assert len(shown) == 7
    zoo = ROOT / "zoo_prototxt" / "lenet"
    net = (zoo / "train_val.prototxt").read_text(encoding="utf-8")
    Path("train_val.prototxt").write_text(net.replace("../data", str(ROOT / "zoo_prototxt/data")))
    short = {"max_iter: 1000": "max_iter: 20", "display: 100": "display: 10"}
    solver = (zoo / "solver.prototxt").read_text(encoding="utf-8")
    for old, new in short.items():
        assert old in solver
        solver = solver.replace(old, new)
    Path("solver.prototxt").write_text(solver)
    for line in shown:
        command, _, log = line.partition("#")[0].partition("2>")
        done = CliRunner().invoke(group, command.split(), standalone_mode=False)
        assert done.exception is None, f"{line}: {done.exception}"
        if log:
            Path(log.strip()).write_text(done.stderr)
    assert Path("loss.png").read_bytes().startswith(b"\x89PNG")


def test_the_first_command_trains_a_solver_that_is_there():
    (solver,) = re.findall(r"&& protonet train (\S+)$", blocks(README, "console")[0], re.MULTILINE)
    assert (ROOT / solver).is_file()
    assert f"timeout 120 protonet train {solver}" in (ROOT / ".ci" / "run").read_text()


def test_the_commands_on_weights_run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "zoo_prototxt" / "lenet" / "deploy.prototxt", "net.prototxt")
    protonet.save(protonet.compile("net.prototxt"), "net.caffemodel")
    (block,) = [b for b in blocks(README, "console") if "protonet weights" in b]
    for line in block.strip().splitlines():
        arguments = line.removeprefix("$ ").partition("#")[0].split()
        done = CliRunner().invoke(group, arguments[1:], standalone_mode=False)
        assert done.exception is None, f"{line}: {done.exception}"
    done = subprocess.run([sys.executable, "net.py"], capture_output=True, text=True, check=True)
    assert "from net import load" in done.stdout


def test_the_commands_on_images_run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(
        'input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }\n'
        'layer { name: "fc7" type: "InnerProduct" bottom: "data" top: "fc7"\n'
        "        inner_product_param { num_output: 300 } }\n"
        'layer { name: "prob" type: "Softmax" bottom: "fc7" top: "prob" }\n'
    )
    net = protonet.compile("net.prototxt")
    # Black, less the mean: the classes' scores are their biases.
    bias = np.full(300, -9.0)
    bias[[281, 282]] = np.log([0.5021, 0.3127]) - np.log(1 - 0.5021 - 0.3127) + np.log(298) - 9
    protonet.load_blobs(net, {"fc7": [np.zeros((300, 192)), bias]})
    protonet.save(net, "net.caffemodel")
    cv2.imwrite("cat.png", np.zeros((9, 9, 3), np.uint8))
    Path("words.txt").write_text("".join(f"class {i}\n" for i in range(300)))
    (block,) = [b for b in blocks(README, "console") if "protonet run" in b]
    for part in block.removeprefix("$ ").strip().split("\n$ "):
        line, _, shown = part.partition("\n")
        done = CliRunner().invoke(group, line.split()[1:], standalone_mode=False)
        assert done.exception is None, f"{line}: {done.exception}"
        assert not shown or done.stdout == shown + "\n"
    assert np.load("features.npy").shape == (1, 300)
    assert len(Path("answers.csv").read_text().splitlines()) == 6


def test_the_data_commands_run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    images = np.random.RandomState(0).randint(0, 256, (6, 28, 28)).astype(np.uint8)
    for name, magic, values in (
        ("images-idx3", 2051, images),
        ("labels-idx1", 2049, images[:, 0, 0]),
    ):
        header = np.array([magic, *values.shape], ">u4").tobytes()
        Path(f"train-{name}-ubyte.gz").write_bytes(gzip.compress(header + values.tobytes()))
    Path("photos").mkdir()
    for number, image in enumerate(images):
        cv2.imwrite(f"photos/{number}.png", image)
    Path("train.txt").write_text("".join(f"{n}.png {n}\n" for n in range(len(images))))
    (block,) = [b for b in blocks(README, "console") if "protonet data" in b]
    shown = re.findall(r"^\$ protonet (.*)$", block, re.MULTILINE)
    assert len(shown) == 4
    for line in shown:
        done = CliRunner().invoke(group, line.partition("#")[0].split())
        assert done.exit_code == 0, f"{line}: {done.output} {done.exception}"


def test_the_error_shown_is_the_error_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(
        'layer { name: "data" type: "Input" top: "data"\n'
        "        input_param { shape { dim: 1 dim: 3 dim: 9 dim: 9 } } }\n"
        'layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"\n'
        "        convolution_param { num_output: 4 kernel_size: 3 } }\n"
        'layer {\n  name: "conv2" type: "Convolution"\n  bottom: "conv_1"\n  top: "conv2"\n'
        "  convolution_param { num_output: 4 kernel_size: 3 }\n}\n"
    )
    command = [sys.executable, "-m", "protonet", "check", "net.prototxt"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    shown = blocks(README, "console")[3].partition("\n")[2]
    assert done.stdout + done.stderr == shown


def test_the_guide_adds_a_layer(tmp_path):
    (code,) = blocks(GUIDE, "python")
    path = tmp_path / "pixel_unshuffle.py"
    path.write_text(code)
    try:
        exec(compile(code, str(path), "exec"), {})
        (example,) = REGISTRY["PixelUnshuffle"].examples
        net = 'input: "x" input_shape { dim: 2 dim: 6 dim: 4 dim: 4 } ' + example.prototxt
        assert example.emits in protonet.emit(net, faithful=True)
    finally:
        REGISTRY.pop("PixelUnshuffle", None)
        pool._added.pop("pixel_unshuffle_param", None)
        pool._pool.cache_clear()
        pool._classes.clear()


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (ROOT / target).exists(), target
