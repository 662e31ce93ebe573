"""onnxruntime in the place of PyTorch: the same answers, and a word on what computes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from protonet.api import read
from protonet.cli import group
from protonet.diagnostics import NetError
from protonet.weights.caffemodel import write_caffemodel

pytest.importorskip("onnxruntime")
cv2 = pytest.importorskip("cv2")
h5py = pytest.importorskip("h5py")

DEPLOY = """
name: "means"
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 2 dim: 3 dim: 4 dim: 6 } } }
layer { name: "mean" type: "Pooling" bottom: "data" top: "mean"
        pooling_param { pool: AVE global_pooling: true } }
layer { name: "fc" type: "InnerProduct" bottom: "mean" top: "fc"
        inner_product_param { num_output: 7 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""
TRAIN_VAL = """
name: "rows"
layer { name: "data" type: "HDF5Data" top: "x" top: "y" include { phase: TEST }
        hdf5_data_param { source: "files.txt" batch_size: 4 } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
        inner_product_param { num_output: 7 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "y" top: "loss" }
layer { name: "hit" type: "Accuracy" bottom: "fc" bottom: "y" top: "hit" }
"""
GOES_ON = """
name: "memory"
input: "x" input_shape { dim: 2 dim: 1 dim: 3 }
input: "cont" input_shape { dim: 2 dim: 1 }
layer { name: "lstm" type: "LSTM" bottom: "x" bottom: "cont" top: "y"
        recurrent_param { num_output: 2 } }
"""


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    w, b = draw.normal(size=(7, 3)) / 50, draw.normal(size=7)
    for name, text in (("deploy", DEPLOY), ("train_val", TRAIN_VAL), ("goes_on", GOES_ON)):
        Path(f"{name}.prototxt").write_text(text)
    write_caffemodel("net.caffemodel", read("deploy.prototxt").message, {"fc": [w, b]})
    cv2.imwrite("dot.png", draw.integers(0, 256, (4, 6, 3), dtype=np.uint8))
    with h5py.File("rows.h5", "w") as file:
        file["x"] = draw.normal(size=(8, 3)).astype(np.float32) * 60
        file["y"] = draw.integers(0, 7, (8, 1)).astype(np.float32)
    Path("files.txt").write_text("rows.h5\n")
    return w, b


def call(*arguments):
    result = CliRunner().invoke(group, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_run_gives_the_classes_that_numpy_finds(weights):
    w, b = weights
    made = call(
        *("run", "deploy.prototxt", "net.caffemodel", "dot.png", "--engine", "onnxruntime"),
        *("--blob", "fc", "--out", "fc.npy"),
    )
    assert made.exit_code == 0, made.output
    assert re.search(
        r"^engine: onnxruntime [\d.]+, tried beside the net", made.stderr, re.MULTILINE
    )
    seen = cv2.imread("dot.png").astype(np.float64).mean((0, 1))
    np.testing.assert_allclose(np.load("fc.npy"), [seen @ w.T + b], rtol=1e-5)


def test_test_gives_the_loss_that_numpy_finds(weights):
    w, b = weights
    made = call(
        *("test", "train_val.prototxt", "--weights", "net.caffemodel"),
        *("--iterations", "2", "--engine", "onnxruntime"),
    )
    assert made.exit_code == 0, made.output
    with h5py.File("rows.h5") as file:
        x, y = file["x"][:].astype(np.float64), file["y"][:].astype(int).reshape(-1)
    scores = x @ w.T + b
    scores -= scores.max(1, keepdims=True)
    right = np.log(np.exp(scores).sum(1)) - scores[np.arange(8), y]
    lines = dict(re.findall(r"^(\w+) = ([\d.]+)", made.stdout, re.MULTILINE))
    assert float(lines["loss"]) == pytest.approx(right.mean(), rel=1e-4)
    assert float(lines["hit"]) == (scores.argmax(1) == y).mean()


@pytest.mark.usefixtures("weights")
def test_auto_says_why_pytorch_computes():
    made = call("time", "goes_on.prototxt", "--engine", "auto", "--iterations", "1")
    assert made.exit_code == 0, made.output
    assert "engine: torch; layer 'lstm' (LSTM) goes on from the batch before" in made.stderr
    assert "net     onnxruntime" not in made.stdout
    with pytest.raises(NetError, match=r"goes_on.prototxt:5:1: error: layer 'lstm'") as refused:
        call("time", "goes_on.prototxt", "--engine", "onnxruntime", "--iterations", "1")
    assert "--engine torch" in refused.value.hint


@pytest.mark.usefixtures("weights")
def test_time_has_a_row_for_the_engine():
    made = call("time", "deploy.prototxt", "--engine", "onnxruntime", "--iterations", "1")
    assert made.exit_code == 0, made.output
    assert re.search(r"^net +onnxruntime +\d+\.\d{3}$", made.stdout, re.MULTILINE)


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("time", "deploy.prototxt", "--phase", "TRAIN"), "--phase TRAIN is PyTorch's"),
        (
            ("test", "train_val.prototxt", "--weights", "net.caffemodel", "--precision", "bf16"),
            "--precision bf16 is PyTorch's",
        ),
        (("time", "deploy.prototxt", "--device", "cuda"), "--device cuda is PyTorch's"),
    ],
)
def test_what_only_pytorch_does_is_said(arguments, said):
    made = call(*arguments, "--engine", "onnxruntime")
    assert made.exit_code != 0
    assert said in made.stderr


@pytest.mark.usefixtures("weights")
def test_where_it_is_not_installed_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(NetError, match="the engine needs onnxruntime") as refused:
        call("time", "deploy.prototxt", "--engine", "onnxruntime")
    assert refused.value.hint == 'pip install "protonet[export]"'
